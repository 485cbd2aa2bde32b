"""What can be asked for: tools, resources and prompts, all of one kind that travels the corridor.

A tool is a typed function. A decorator leaves a note on it (`jupyter_mcp.calls.tool`), and a
`Toolset` turns the notes into operations. Their schemas are worked out when they are first asked
for; those of other packages when they are registered, so that a mistake is found then.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_mcp.calls.call import Call, Scope
from jupyter_mcp.calls.content import Block, Reply, Result, Text, text_of
from jupyter_mcp.calls.context import Context
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.tool import NOTE, CompleterNote, PromptNote, ResourceNote, ToolNote

if TYPE_CHECKING:
    from jupyter_mcp.calls.schema import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that a call can ask for.

    Args:
        name: Its unique name among its kind.
        toolset: The name of the toolset that offers it.
        scope: What a caller must be allowed.
        function: The bound function.
        signature: What it takes and gives.
        title: The name that people see.
        description: What it does, for people and models.
        timeout: Seconds after which a call is cancelled.
        read_only: Whether it changes nothing.
        destructive: Whether it can destroy what cannot be brought back.
        idempotent: Whether a second call with the same arguments changes nothing more.
        open_world: Whether it reaches things outside of the server.
        untrusted: Whether its results may carry what strangers wrote.
        secret_output: Whether its results are for its caller's eyes only.
        restrains: Whether it only takes away what others may do, or stops what runs.
        within: The argument with which a call stays inside of a sandbox; empty for none.
        cacheable_for: Seconds for which a result may be served again.
        upstream: The other server that does the work; empty where this one does.
        places: The arguments that lead to notebooks or files.
        pathless: Whether it shows nothing of notebooks that the caller may not see, without
            naming one.
        paths_of: Finds the paths behind the values of a call; None when they are not known.
    """

    kind: ClassVar[str] = "operation"
    name: str
    toolset: str
    scope: Scope
    function: Callable[..., Any]
    signature: Signature
    title: str | None = None
    description: str = ""
    timeout: float | None = None
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False
    untrusted: bool = False
    secret_output: bool = False
    restrains: bool = False
    within: str = ""
    cacheable_for: float | None = None
    upstream: str = ""
    places: frozenset[str] = frozenset()
    pathless: bool = False
    paths_of: Callable[[Mapping[str, Any]], Awaitable[Sequence[str] | None]] | None = None

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """JSON Schema 2020-12 of the arguments."""
        return self.signature.parameters

    def parse(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check raw arguments and return keyword arguments."""
        return self.signature.parse(arguments)

    @property
    def context(self) -> str | None:
        """The parameter that gets the `Context`."""
        return self.signature.context

    async def touches(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the paths that a call with `values` touches; None when that is not known."""
        if not self.places:
            return ()
        return None if self.paths_of is None else await self.paths_of(values)

    async def run(self, call: Call, context: Context, executor: Executor) -> Result:
        """Call the function with the validated values and shape what it returns."""
        values = call.values
        if self.context is not None:
            values = {**values, self.context: context}
        if inspect.iscoroutinefunction(self.function):
            returned = await self.function(**values)
        else:
            returned = await executor.run(self.function, **values)
        return self.shape(returned)

    def shape(self, returned: Any) -> Result:
        """Turn a returned value into a result."""
        return Result(value=returned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Operation):
    """A tool of the catalog."""

    kind: ClassVar[str] = "tool"
    read_only: bool = False
    long_running: bool = False
    task_only: bool = False
    icon: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """JSON Schema 2020-12 of the structured result; None when there is none."""
        return self.signature.returns

    def shape(self, returned: Any) -> Result:
        """Dump the structured value and make sure that there is something to read."""
        if isinstance(returned, Result):
            return returned
        reply = returned if isinstance(returned, Reply) else Reply(returned)
        structured = None if self.output_schema is None else self.signature.dump(reply.value)
        content = tuple(reply.content) or self._default_content(reply.value, structured)
        return Result(
            content,
            structured,
            reply.is_error,
            value=reply.value,
            meta=reply.meta,
            job=reply.job,
        )

    def _default_content(self, value: Any, structured: Any) -> tuple[Block, ...]:
        if isinstance(value, Block):
            return (value,)
        if isinstance(value, list) and value and all(isinstance(item, Block) for item in value):
            return tuple(value)
        if isinstance(value, str):
            return (Text(value),)
        return (Text(text_of(structured if structured is not None else self._plain(value))),)

    @staticmethod
    def _plain(value: Any) -> Any:
        from pydantic import TypeAdapter

        return TypeAdapter(Any).dump_python(value, mode="json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Operation):
    """A resource, or a family of them behind a URI template."""

    kind: ClassVar[str] = "resource"
    uri: str
    mime: str | None = None

    @property
    def is_template(self) -> bool:
        """Whether the URI has variables."""
        return "{" in self.uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(Operation):
    """A prompt that a person picks."""

    kind: ClassVar[str] = "prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer(Operation):
    """Completes one argument of prompts and templates."""

    kind: ClassVar[str] = "completion"

    async def touches(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the paths among the values that are given already."""
        given = {name: value for name, value in (values.get("given") or {}).items() if value}
        if self.paths_of is None or not self.places.intersection(given):
            return ()
        return await self.paths_of(given)


def build(toolset: str, function: Callable[..., Any]) -> Operation:
    """Make the operation that a decorated function describes; its schemas come when asked for.

    Raises:
        TypeError: If there is no note on it.
    """
    from jupyter_mcp.calls.schema import Signature, describe

    note = getattr(function, NOTE)
    name: str = getattr(note, "name", None) or function.__name__
    common: dict[str, Any] = {
        "name": name,
        "toolset": toolset,
        "function": function,
        "signature": Signature(name, function, getattr(note, "input_schema", None)),
        "description": describe(function),
        "title": getattr(note, "title", None),
    }
    match note:
        case ToolNote():
            return _tool(note, common)
        case ResourceNote():
            return Resource(scope=note.scope, uri=note.uri, mime=note.mime, **common)
        case PromptNote():
            return Prompt(scope="read", **common)
        case CompleterNote():
            return Completer(scope="read", **(common | {"name": note.argument}))
        case _:
            raise TypeError(f"'{name}' carries no note of tool, resource, prompt or completer.")


def _tool(note: ToolNote, common: Mapping[str, Any]) -> Tool:
    return Tool(
        **common,
        scope=note.scope,
        timeout=note.timeout,
        read_only=note.scope == "read" if note.read_only is None else note.read_only,
        destructive=note.destructive,
        idempotent=note.idempotent,
        open_world=note.open_world,
        untrusted=note.untrusted,
        secret_output=note.secret_output,
        restrains=note.restrains,
        within=note.within,
        cacheable_for=note.cacheable_for,
        long_running=note.long_running,
        task_only=note.task_only,
        icon=note.icon,
        meta=note.meta,
    )
