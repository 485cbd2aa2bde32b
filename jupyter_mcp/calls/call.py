"""A call: who asks for what, through which door, and how the door can be talked back to.

Who asks is a value of the ground that doors make; here it is known by its type alone.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from jupyter_mcp.calls.content import Result
    from jupyter_mcp.calls.executor import Executor
    from jupyter_mcp.security.principal import Principal

Scope = Literal["read", "edit", "execute", "admin"]
InputKind = Literal["elicitation/create", "sampling/createMessage", "roots/list"]
LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class Asked(Protocol):
    """What a call asks for, as policies see it; `jupyter_mcp.calls.operation` makes them."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """The operation's name among its kind."""
        ...

    @property
    def toolset(self) -> str:
        """The toolset that offers it."""
        ...

    @property
    def scope(self) -> Scope:
        """What a caller must be allowed."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing."""
        ...

    @property
    def destructive(self) -> bool:
        """Whether it can destroy what cannot be brought back."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether a second call with the same arguments changes nothing more."""
        ...

    @property
    def open_world(self) -> bool:
        """Whether it reaches things outside of the server."""
        ...

    @property
    def untrusted(self) -> bool:
        """Whether its results may carry what strangers wrote."""
        ...

    @property
    def cacheable_for(self) -> float | None:
        """Seconds for which a result may be served again; None for never."""
        ...

    @property
    def upstream(self) -> str:
        """The other server that does the work; empty where this one does."""
        ...

    @property
    def context(self) -> str | None:
        """The parameter that gets the `Context`; without it the caller cannot be known."""
        ...

    @property
    def secret_output(self) -> bool:
        """Whether its results are for its caller's eyes only: nobody redacts or keeps them."""
        ...

    @property
    def restrains(self) -> bool:
        """Whether it only takes away what others may do, or stops what runs."""
        ...

    @property
    def within(self) -> str:
        """The argument with which a call stays inside of a sandbox; empty for none."""
        ...

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """JSON Schema of the arguments; empty where there is none."""
        ...

    @property
    def places(self) -> frozenset[str]:
        """The arguments that lead to notebooks or files."""
        ...

    @property
    def pathless(self) -> bool:
        """Whether it shows nothing of notebooks that the caller may not see, without naming one."""
        ...

    async def touches(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the paths that a call with `values` touches; None when that is not known."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds after which a call is cancelled."""
        ...

    @property
    def parse(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Checks raw arguments and returns keyword arguments."""
        ...

    async def run(self, call: Call, context: Any, executor: Executor) -> Result:
        """Call the function behind it with the validated values."""
        ...

    def shape(self, returned: Any) -> Result:
        """Turn what the function returned into a result."""
        ...


@dataclass(frozen=True, slots=True)
class InputRequest:
    """Something that the client is asked for while a call runs (MCP: elicitation and its kin)."""

    method: InputKind
    params: Mapping[str, Any]


class Channel(Protocol):
    """How a running call talks back to the door that it came through."""

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer `ask`."""
        ...

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Tell how far the call is."""
        ...

    async def log(self, level: LogLevel, data: Any) -> None:
        """Tell the client a line of log."""
        ...

    async def ask(self, requests: Mapping[str, InputRequest]) -> Mapping[str, Mapping[str, Any]]:
        """Ask the client and return its answers by the same keys.

        Raises:
            ToolError: ``unsupported`` when this client cannot be asked.
        """
        ...


class SilentChannel:
    """The channel of a door that nobody listens at."""

    can_ask = False

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Drop the progress."""

    async def log(self, level: LogLevel, data: Any) -> None:
        """Drop the line."""

    async def ask(self, requests: Mapping[str, InputRequest]) -> Mapping[str, Mapping[str, Any]]:
        """Refuse, because nobody can answer."""
        del requests
        raise ToolError(
            "unsupported",
            "This call needs an answer from a person, and this client cannot be asked.",
            "Use a client that supports elicitation, or give the value as an argument.",
        )


@dataclass(slots=True)
class Call:
    """One request on its way through the corridor.

    Args:
        operation: The tool, resource or prompt that is asked for.
        arguments: The arguments as they came.
        principal: Who asks.
        door: The way in, such as ``mcp``, ``http``, ``magic``.
        channel: The way back to the client while the call runs.
        client: The client's own name and version, as it told.
        timeout: Seconds that the client grants, if it said so.
        meta: The request's ``_meta``: trace context, idempotency key.
        parent: The id of the call from within which this one is made; empty for a client's own.
    """

    operation: Asked
    arguments: Mapping[str, Any]
    principal: Principal
    door: str
    channel: Channel = field(default_factory=SilentChannel)
    client: str = ""
    timeout: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = field(default_factory=time.time)
    values: dict[str, Any] = field(default_factory=dict)
    """The validated arguments, filled by the validating policy."""
    progress: tuple[float, float | None, str] | None = None
    """The last progress told."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What policies found out and the audit keeps, such as the rule that decided."""
    task: asyncio.Task[Any] | None = None
    """The task that runs the call, so that a person can cancel it from outside."""
