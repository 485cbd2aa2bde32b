"""What a running tool can do besides computing: tell progress, ask, call on, start a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from jupyter_mcp.calls.call import Call, InputRequest, LogLevel
from jupyter_mcp.calls.jobs import Work

if TYPE_CHECKING:
    from pydantic import BaseModel

    from jupyter_mcp.calls.content import Result
    from jupyter_mcp.security.principal import Principal


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answered to `Context.ask`."""

    action: Literal["accept", "decline", "cancel"]
    content: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the person gave what was asked for."""
        return self.action == "accept"


class Caller(Protocol):
    """The corridor as a running tool sees it."""

    async def call_on(self, call: Call, tool: str, arguments: Mapping[str, Any]) -> Result:
        """Call another tool for the same principal."""
        ...

    def start_job(self, call: Call, title: str, work: Work) -> str:
        """Go on in the background."""
        ...


class Context:
    """A running call, as its tool sees it. Tools get it by a parameter annotated `Context`."""

    __slots__ = ("_call", "_caller")

    def __init__(self, call: Call, caller: Caller) -> None:
        self._call = call
        self._caller = caller

    @property
    def principal(self) -> Principal:
        """Who asked."""
        return self._call.principal

    @property
    def call_id(self) -> str:
        """The identifier of this call in records and logs."""
        return self._call.id

    @property
    def client(self) -> str:
        """The name that the client gave itself; empty when it gave none."""
        return self._call.client

    @property
    def door(self) -> str:
        """The way in that the call took, such as ``mcp`` or ``http``."""
        return self._call.door

    @property
    def can_ask(self) -> bool:
        """Whether `ask` can reach a person."""
        return self._call.channel.can_ask

    async def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the call is; `done` must grow from call to call (MCP: progress)."""
        self._call.progress = (done, total, message)
        await self._call.channel.progress(done, total, message)

    async def log(self, level: LogLevel, data: Any) -> None:
        """Send the client a line of log, if it asked for that level."""
        await self._call.channel.log(level, data)

    async def ask(self, message: str, schema: type[BaseModel] | Mapping[str, Any]) -> Answer:
        """Ask the person behind the client (MCP: elicitation, form mode).

        Args:
            message: What to ask.
            schema: The fields to fill in: a flat pydantic model or JSON Schema of an object.

        Raises:
            ToolError: ``unsupported`` when nobody can be asked through this door.
        """
        form = dict(schema) if isinstance(schema, Mapping) else schema.model_json_schema()
        answer = await self.request(
            "elicitation/create", {"mode": "form", "message": message, "requestedSchema": form}
        )
        action = answer.get("action", "cancel")
        return Answer(action=action, content=answer.get("content") or {})

    async def request(
        self,
        method: Literal["elicitation/create", "sampling/createMessage", "roots/list"],
        params: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Ask the client for one thing in the protocol's own terms and return its raw answer."""
        return (await self.request_all({"answer": InputRequest(method, params)}))["answer"]

    async def request_all(
        self, requests: Mapping[str, InputRequest]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Ask the client for several things in one round."""
        return await self._call.channel.ask(requests)

    def mark_untrusted(self) -> None:
        """Say that what this call returns may carry what strangers wrote.

        Who reads it is asked before they change or send something. What another tool brought of
        strangers needs no word: that is known.
        """
        self._call.notes["untrusted"] = True

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Result:
        """Call another tool through the same corridor, as the same principal."""
        return await self._caller.call_on(self._call, tool, arguments)

    def job(self, title: str, work: Work) -> str:
        """Go on with `work` in the background and return the job's identifier at once.

        The job survives the client that asked for it; `work` returns what a tool would return.

        Raises:
            ToolError: ``unavailable`` when the jobs toolset is not loaded.
        """
        return self._caller.start_job(self._call, title, work)
