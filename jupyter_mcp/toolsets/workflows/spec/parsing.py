"""From YAML, JSON or a dictionary to a spec, with everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import texts
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.spec.problems import Problem, refuse
from jupyter_mcp.toolsets.workflows.spec.validating import validate


@dataclass(frozen=True, slots=True)
class Document:
    """A spec as it was read.

    Args:
        spec: The spec; None where there are problems.
        problems: What is wrong with its form, in the order of the text.
        source: What knows where in the text everything stands.
    """

    spec: Spec | None
    problems: tuple[Problem, ...]
    source: texts.Source

    def located(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return problems that a check found, with their lines in this text."""
        return self.source.located(list(problems))


def read(source: str | bytes | Mapping[str, Any]) -> Document:
    """Read a spec; whatever it is given, this tells what is wrong and raises nothing.

    Args:
        source: YAML or JSON, or the data itself; a notebook's JSON for its tagged cells.
    """
    found = texts.read(source)
    if found.problems:
        return Document(None, tuple(found.located(found.problems)), found)
    if isinstance(found.data, Mapping) and {"nbformat", "cells"} <= found.data.keys():
        return _of_notebook(found)
    spec, problems = validate(found.data)
    return Document(spec, tuple(found.located(problems)), found)


def parse(source: str | bytes | Mapping[str, Any]) -> Spec:
    """Return a spec whose form is right; `check` looks at what it means.

    Args:
        source: YAML or JSON, or the data itself.

    Raises:
        ToolError: ``invalid_arguments``; all that is wrong is in the data's ``problems``.
    """
    document = read(source)
    if document.spec is None:
        refuse(document.problems)
    return document.spec


def _of_notebook(found: texts.Source) -> Document:
    """Return what the tagged cells of a notebook describe; problems name cells, and no lines."""
    from jupyter_mcp.toolsets.workflows.spec.notebook import from_notebook

    source = texts.Source({}, [])
    metadata = found.data.get("metadata")
    title = metadata.get("title") if isinstance(metadata, Mapping) else None
    try:
        spec = from_notebook(found.data, str(title or "notebook"))
    except ToolError as error:
        problems = tuple(Problem(**each) for each in error.data["problems"])
        return Document(None, problems, source)
    return Document(spec, (), source)
