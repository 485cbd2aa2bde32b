"""A template, and how the templates that a spec names are put into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec.models import AnyNode, AnyWork, Map, Spec, Subworkflow
from jupyter_mcp.toolsets.workflows.spec.references import nearest


@dataclass(frozen=True)
class Template:
    """A spec under a name and a version.

    Args:
        name: The spec's name.
        version: The spec's version.
        data: The spec as JSON data.
        hash: Its hash.
        owner: Identifier of the principal who saved it; empty for one that we ship.
        at: Unix time at which it was saved.
    """

    name: str
    version: str
    data: Mapping[str, Any]
    hash: str
    owner: str = ""
    at: float = 0.0

    @property
    def title(self) -> str:
        """What it is called in specs and runs: ``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def is_shipped(self) -> bool:
        """Whether it came with this package."""
        return not self.owner

    @cached_property
    def spec(self) -> Spec:
        """The spec."""
        return Spec.model_validate(self.data)


class Named:
    """Templates by ``name@version``, as checks ask for them."""

    def __init__(self, specs: Mapping[str, Spec]) -> None:
        self._specs = specs

    def spec(self, name: str) -> Spec | None:
        """Return the spec of a template; None if there is none."""
        return self._specs.get(name)


def names_in(spec: Spec) -> Iterator[str]:
    """Yield the templates that a spec names."""
    for node in spec.nodes:
        yield from _names_in(node)


def filled(spec: Spec, specs: Mapping[str, Spec]) -> Spec:
    """Return a spec, which was checked, with the templates that it names put in."""
    nodes = tuple(cast("AnyNode", _filled(node, specs)) for node in spec.nodes)
    return spec.model_copy(update={"nodes": nodes})


def unknown(name: str, names: list[str]) -> ToolError:
    """Return the error for a template that there is not."""
    return ToolError(
        "not_found",
        f"There is no template '{name[:100]}'.",
        f"{nearest(name, names)} workflow_template_list shows them with their versions.",
    )


def _names_in(work: AnyNode | AnyWork) -> Iterator[str]:
    if isinstance(work, Map):
        yield from _names_in(work.node)
    elif isinstance(work, Subworkflow) and isinstance(work.workflow, Spec):
        yield from names_in(work.workflow)
    elif isinstance(work, Subworkflow):
        yield str(work.workflow)


def _filled(work: AnyNode | AnyWork, specs: Mapping[str, Spec]) -> AnyNode | AnyWork:
    if isinstance(work, Map):
        return work.model_copy(update={"node": _filled(work.node, specs)})
    if not isinstance(work, Subworkflow):
        return work
    inner = work.workflow if isinstance(work.workflow, Spec) else specs[work.workflow]
    return work.model_copy(update={"workflow": filled(inner, specs)})
