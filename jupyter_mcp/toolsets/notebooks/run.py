"""One execute request and what became of it.

A run is over when the kernel has both answered it and reported itself idle again, because only then
all outputs have come. Should one of the two get lost, the run ends a moment after the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.connection import Connection, Message
from jupyter_mcp.toolsets.notebooks.model import CellWriter, OutputChange
from jupyter_mcp.toolsets.notebooks.outputs import OutputArea
from jupyter_mcp.toolsets.notebooks.spooling import Stored

Status: TypeAlias = Literal["ok", "error", "aborted", "cancelled", "dead", "timeout"]
AskInput: TypeAlias = Callable[[str, bool], Awaitable[str]]

GRACE_SECONDS = 1.0
_log = logging.getLogger(__name__)

END_OF_INPUT = "\x04"
"""What a kernel takes for the end of the input: the cell gets an EOFError."""


@dataclass(frozen=True, slots=True)
class Work:
    """What to run, and who wants to know.

    Args:
        code: The source.
        writer: The cell that shows the outputs.
        place: What names that cell, so that its next run supersedes the displays of this one.
        metadata: Metadata of the request, such as ``cellId``.
        store_history: Whether it counts as an input of the kernel's history.
        silent: Whether the kernel runs it unnoticed: no count, no history, no outputs.
        expressions: Expressions to evaluate after the code (``user_expressions``).
        ask_input: Asks a person for ``input()``; without it the kernel refuses to ask.
        on_output: Told of each change of the outputs.
        on_wait: Told why the code has not begun.
        on_late_end: Awaited when the code ended after the run had been given up.
    """

    code: str
    writer: CellWriter | None = None
    place: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    store_history: bool = True
    silent: bool = False
    expressions: Mapping[str, str] = field(default_factory=dict)
    ask_input: AskInput | None = None
    on_output: Callable[[OutputChange], None] | None = None
    on_wait: Callable[[str], None] | None = None
    on_late_end: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of a run.

    Args:
        status: How it ended; ``aborted`` means that it never ran.
        outputs: The outputs in nbformat 4.
        execution_count: The number the kernel gave to it.
        ename: The exception's class, or empty.
        evalue: The exception's message.
        traceback: Its traceback as the kernel coloured it.
        expressions: The values of `Work.expressions`.
        full: The whole text, where outputs were cut.
        began: Whether the kernel began it.
        interrupting: Whether the kernel still works on it although it was interrupted.
        restarted: Whether the kernel was restarted on purpose under it.
        unasked: Why the code's last question got no answer; empty if it got one.
    """

    status: Status
    outputs: list[dict[str, Any]] = field(default_factory=list)
    execution_count: int | None = None
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = field(default_factory=list)
    expressions: Mapping[str, Any] = field(default_factory=dict)
    full: Stored | None = None
    began: bool = True
    interrupting: bool = False
    restarted: bool = False
    unasked: str = ""


class Run:
    """Follows one execute request.

    Args:
        work: What to run.
        area: Where its outputs go.
    """

    def __init__(self, work: Work, area: OutputArea) -> None:
        self.work = work
        self.area = area
        self.done = asyncio.Event()
        self.begun = asyncio.Event()
        self.executing = asyncio.Event()
        self.abandoned = False
        self.dead = False
        self.restarted = False
        self.unasked = ""
        self.count: int | None = None
        self._inputs: asyncio.Queue[Message] = asyncio.Queue()
        self._connection: Connection | None = None
        self._message_id = ""
        self._reply: Mapping[str, Any] | None = None
        self._raised: Mapping[str, Any] | None = None
        self._idle = False
        self._grace: asyncio.TimerHandle | None = None
        self._began_at = 0.0

    @property
    def age(self) -> float:
        """Seconds since the kernel began it; 0 before."""
        return asyncio.get_running_loop().time() - self._began_at if self.begun.is_set() else 0.0

    @property
    def sent(self) -> bool:
        """Whether the kernel has been asked."""
        return self._connection is not None

    @property
    def aborted(self) -> bool:
        """Whether the kernel threw the request away because another client's code failed."""
        return self._reply is not None and self._reply.get("status") in {"aborted", "abort"}

    def send(self, connection: Connection) -> None:
        """Ask the kernel. After an abort this may be done again."""
        self._reply, self._raised, self._idle = None, None, False
        self.done.clear()
        self._connection = connection
        work = self.work
        content = {
            "code": work.code,
            "silent": work.silent,
            "store_history": work.store_history and not work.silent,
            "user_expressions": dict(work.expressions),
            "allow_stdin": work.ask_input is not None,
            # Our failure must not abort what a person has queued behind it.
            "stop_on_error": False,
        }
        self._message_id = connection.request(
            "shell", "execute_request", content, self, work.metadata
        )

    def message(self, channel: str, message: Message) -> None:
        """Take a message that the kernel sent because of this request."""
        kind, content = message["header"]["msg_type"], message["content"]
        if channel == "stdin" and kind == "input_request":
            self._inputs.put_nowait(message)
        elif channel == "shell" and kind == "execute_reply":
            self._replied(content)
        elif channel == "iopub":
            self._published(kind, content)
        if self._reply is not None or self._idle:
            self._end_soon()

    def lost(self, restarted: bool) -> None:
        """Learn that the kernel's process ended."""
        self.dead = True
        self.restarted = restarted
        self._finish()

    async def serve_input(self) -> None:
        """Answer each ``input()`` of the code by asking a person, until cancelled."""
        while True:
            request = await self._inputs.get()
            content = request["content"]
            value = await self._ask(str(content.get("prompt", "")), bool(content.get("password")))
            if self._connection is not None and not self.done.is_set():
                self._connection.reply(request, "input_reply", {"value": value})

    def outcome(self, status: Status | None = None, full: Stored | None = None) -> RunOutcome:
        """Return what became of it; `status` overrides what the kernel said."""
        reply = self._reply or self._raised or {}
        return RunOutcome(
            status=status or self._status(),
            outputs=[dict(output) for output in self.area.outputs],
            execution_count=self.count,
            ename=str(reply.get("ename", "")),
            evalue=str(reply.get("evalue", "")),
            traceback=[str(line) for line in reply.get("traceback", [])],
            expressions=reply.get("user_expressions", {}),
            full=full,
            began=self.begun.is_set(),
            interrupting=self.sent and not self.done.is_set(),
            restarted=self.restarted,
            unasked=self.unasked,
        )

    def _status(self) -> Status:
        if self.dead:
            return "dead"
        if self.aborted:
            return "aborted"
        if self._reply is None:  # an interrupt that came a little late took it away
            return "cancelled" if self._raised is None else "error"
        return "ok" if self._reply.get("status") == "ok" else "error"

    async def _ask(self, prompt: str, password: bool) -> str:
        if self.work.ask_input is None:
            return END_OF_INPUT
        self.unasked = ""
        try:
            return await self.work.ask_input(prompt, password)
        except ToolError as error:
            self.unasked = str(error)
            return END_OF_INPUT
        except Exception:  # noqa: BLE001 - a kernel that waits for ever would be worse
            _log.exception("Nobody could be asked for the input of a cell.")
            return END_OF_INPUT

    def _replied(self, content: Mapping[str, Any]) -> None:
        self._reply = content
        self._begin()
        for payload in content.get("payload") or ():
            if payload.get("source") == "page":
                self.area.page(str(payload.get("data", {}).get("text/plain", "")))

    def _published(self, kind: str, content: Mapping[str, Any]) -> None:
        if kind == "status":
            self._begin()
            self._idle = self._idle or content.get("execution_state") == "idle"
        elif kind == "execute_input":
            self.executing.set()
            self.count = content.get("execution_count")
            if self.count is not None:
                self.area.count(self.count)
        else:
            if kind == "error":
                self._raised = content
            self.area.message(kind, content)

    def _begin(self) -> None:
        if not self.begun.is_set():
            self._began_at = asyncio.get_running_loop().time()
            self.begun.set()

    def _end_soon(self) -> None:
        if self._reply is not None and self._idle:
            self._finish()
            return
        if self._grace is not None:
            self._grace.cancel()
        self._grace = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._finish)

    def _finish(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if self._connection is not None:
            self._connection.forget(self._message_id)
        self.done.set()
