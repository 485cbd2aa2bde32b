"""The decorators by which functions are offered; each is the note that it leaves on one.

A `Toolset` turns the marked methods into operations that are bound to itself
(`jupyter_mcp.calls.operation`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, TypeVar

from jupyter_mcp.calls.call import Scope

F = TypeVar("F", bound=Callable[..., Any])

NOTE = "__jupyter_mcp__"
"""The attribute under which a decorator leaves itself on a function."""


class _Note:
    """A decorator that stays on the function as a note of what it was told."""

    __slots__ = ()

    def __call__(self, function: F) -> F:
        setattr(function, NOTE, self)
        return function


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolNote(_Note):
    """Offer a function as a tool.

    Args:
        scope: What a caller must be allowed: ``read``, ``edit``, ``execute`` or ``admin``.
        name: The tool's name; the function's by default.
        title: The name that people see.
        read_only: Whether it changes nothing; by default, whether the scope is ``read``.
        destructive: Whether it can destroy what cannot be brought back.
        idempotent: Whether a second call with the same arguments changes nothing more.
        open_world: Whether it reaches things outside of the server.
        untrusted: Whether its results may carry what strangers wrote, such as web pages. Those of
            a tool in somebody else's package that reaches the open world always may.
        secret_output: Whether its results are for its caller's eyes only, such as a new token:
            they go out unredacted, and neither a log nor a cache keeps them.
        restrains: Whether it only takes away what others may do, or stops what runs: it works
            also while nothing can be recorded.
        within: Argument that names a sandbox, or something in one: a call that gives it touches
            nothing but what can be touched from inside of that.
        timeout: Seconds after which the call is cancelled; None for the server's default.
        cacheable_for: Seconds for which a result may be served again.
        long_running: Whether calls may take more than a few seconds: a client that knows MCP's
            tasks then gets a task when the result is not there at once.
        task_only: Whether MCP clients that do not know tasks are refused, because the work takes
            longer than any connection lasts.
        icon: Path of an icon below the server's own icons.
        input_schema: JSON Schema 2020-12 of the arguments, where the signature cannot say it; the
            function then takes the arguments as keywords, unchecked by type.
        meta: Extra keys of the tool's ``_meta``.
    """

    scope: Scope
    name: str | None = None
    title: str | None = None
    read_only: bool | None = None
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False
    untrusted: bool = False
    secret_output: bool = False
    restrains: bool = False
    within: str = ""
    timeout: float | None = None
    cacheable_for: float | None = None
    long_running: bool = False
    task_only: bool = False
    icon: str | None = None
    input_schema: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceNote(_Note):
    """Offer a function as a resource, or as a template when `uri` has variables (RFC 6570).

    The function takes one string for each variable and returns text, bytes or `Embedded` blocks.

    Args:
        uri: The URI or URI template, such as ``notebook://{+path}``.
        scope: What a caller must be allowed.
        name: A short name; the function's by default.
        title: The name that people see.
        mime: MIME type of the contents.
    """

    uri: str
    _: KW_ONLY
    scope: Scope = "read"
    name: str | None = None
    title: str | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptNote(_Note):
    """Offer a function as a prompt; its string parameters are the prompt's arguments.

    Args:
        name: The prompt's name; the function's by default.
        title: The name that people see.
    """

    name: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class CompleterNote(_Note):
    """Complete the prompt argument or template variable named `argument`.

    The function takes ``(ctx, prefix, given)``, where `given` holds the values that are already
    known, and returns a list of strings.
    """

    argument: str


tool = ToolNote
resource = ResourceNote
prompt = PromptNote
completer = CompleterNote
