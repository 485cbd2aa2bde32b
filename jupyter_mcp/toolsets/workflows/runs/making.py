"""From what somebody asks for to a run that is complete: read, checked, its templates put in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Threads
from jupyter_mcp.toolsets.workflows.runs.run import NewRun
from jupyter_mcp.toolsets.workflows.spec import beginnings, export
from jupyter_mcp.toolsets.workflows.spec.arguments import with_defaults
from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.known import Tools
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.spec.parsing import Document, read
from jupyter_mcp.toolsets.workflows.spec.problems import Problem, refuse
from jupyter_mcp.toolsets.workflows.templates.store import TemplateStore
from jupyter_mcp.toolsets.workflows.templates.template import Named, filled

Source = str | Mapping[str, Any]
Gone = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Returns which of some files are not there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks to be run.

    Args:
        spec: YAML, JSON or the data; None where a template is named.
        template: ``name``, or ``name@version``.
        parameters: What it is started with.
        priority: Higher is sooner; None for the spec's.
        deduplication: While a run with it goes on, no other begins.
    """

    spec: Source | None = None
    template: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    deduplication: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A spec that can run.

    Args:
        spec: The spec, complete.
        data: The same as JSON data.
        digest: Its hash.
        template: The template it came from; empty for none.
        parameters: With the schema's defaults.
    """

    spec: Spec
    data: Mapping[str, Any]
    digest: str
    template: str
    parameters: Mapping[str, Any]


class Maker:
    """Makes runs.

    Args:
        templates: All templates.
        threads: Threads for blocking work: a check compiles expressions and schemas.
        classes: The resource classes that there are.
        webhooks: Globs of the hosts that may be sent to; None where only the workers know them.
    """

    def __init__(
        self,
        templates: TemplateStore,
        threads: Threads,
        classes: Collection[str],
        webhooks: Collection[str] | None = None,
    ) -> None:
        self._templates = templates
        self._threads = threads
        self._classes = classes
        self._webhooks = webhooks

    async def make(self, asked: Asked, tools: Tools | None, gone: Gone | None = None) -> Made:
        """Return what is asked for, ready to run.

        Args:
            asked: What is asked for.
            tools: What is known of the tools.
            gone: Looks for the notebooks that it begins with; None to ask nothing of them.

        Raises:
            ToolError: ``invalid_arguments``, with all that is wrong in the data's ``problems``;
                ``not_found`` for a template that there is not.
        """
        document, template = await self._document(asked)
        problems = await self._problems(document, tools, asked.parameters, gone)
        if problems:
            refuse(problems)
        spec = document.spec
        assert spec is not None  # noqa: S101 - it has no problems
        specs = await self._templates.named(spec)
        return await self._threads.run(_made, spec, specs, template, asked.parameters)

    async def problems(
        self,
        source: Source,
        tools: Tools | None,
        parameters: Mapping[str, Any] | None = None,
        gone: Gone | None = None,
    ) -> tuple[Spec | None, list[Problem]]:
        """Return a spec, if it can be read, and all that is wrong with it."""
        document = await self._threads.run(read, source)
        return document.spec, await self._problems(document, tools, parameters, gone)

    async def _document(self, asked: Asked) -> tuple[Document, str]:
        if (asked.spec is None) == (not asked.template):
            raise ToolError(
                "invalid_arguments",
                "A workflow is started from one thing: a spec or a template.",
                "Give 'spec' (YAML or JSON) or 'template' (name or name@version).",
            )
        if asked.spec is not None:
            return await self._threads.run(read, asked.spec), ""
        found = await self._templates.find(asked.template)
        return await self._threads.run(read, found.data), found.title

    async def _problems(
        self,
        document: Document,
        tools: Tools | None,
        parameters: Mapping[str, Any] | None,
        gone: Gone | None,
    ) -> list[Problem]:
        if document.spec is None:
            return list(document.problems)
        named = Named(await self._templates.named(document.spec))
        look = partial(check, templates=named, classes=self._classes, webhooks=self._webhooks)
        found = await self._threads.run(look, document.spec, tools, parameters)
        if gone is not None:
            named_first = list(beginnings.notebooks_of(document.spec))
            paths = list(dict.fromkeys(path for _, path in named_first))
            found += beginnings.missing(named_first, await gone(paths) if paths else ())
        return document.located(found)


def new_run(
    made: Made, asked: Asked, owner: str, principal: Mapping[str, Any], **more: Any
) -> NewRun:
    """Return a run of a spec for somebody."""
    return NewRun(
        owner=owner,
        principal=principal,
        spec=made.data,
        spec_hash=made.digest,
        name=made.spec.name,
        parameters=made.parameters,
        template=made.template,
        priority=made.spec.priority if asked.priority is None else asked.priority,
        deduplication=asked.deduplication,
        **more,
    )


def _made(
    spec: Spec, specs: Mapping[str, Spec], template: str, parameters: Mapping[str, Any]
) -> Made:
    whole = filled(spec, specs)
    given = with_defaults(spec, parameters)
    return Made(whole, whole.to_dict(), export.digest(whole), template, given)
