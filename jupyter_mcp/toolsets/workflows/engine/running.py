"""A work while it runs: what it may use, and how it tells of itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.acting import RESULT_OF
from jupyter_mcp.toolsets.workflows.engine.outcome import Outcome
from jupyter_mcp.toolsets.workflows.engine.parts import Parts
from jupyter_mcp.toolsets.workflows.engine.recorder import Recorder
from jupyter_mcp.toolsets.workflows.engine.resources import EVERY, Held, Resources
from jupyter_mcp.toolsets.workflows.engine.tools import Tools
from jupyter_mcp.toolsets.workflows.spec.amounts import refuse_too_much
from jupyter_mcp.toolsets.workflows.spec.models import Work
from jupyter_mcp.toolsets.workflows.spec.references import resolve

LARGEST = 1 << 20
"""The most bytes of an output or an input as JSON that are kept."""

LOG_TAIL = 8_000
"""Characters of a node's log that are kept."""

LONGEST_MESSAGE = 1_000
"""Characters of a tool's text that become the message of its error; of a field of too large an
input that are kept."""


class Kind(Protocol):
    """What nodes of one kind do."""

    async def __call__(self, running: Running) -> Any:
        """Do the work and return its output as JSON data.

        Raises:
            ToolError: It failed; whether it is tried again is said by the spec.
        """
        ...


class OfAnother(Exception):  # noqa: N818 - it names what happened
    """A call was not made, because another run has failed under the same key of its own."""


class Sender(Protocol):
    """Delivers messages outside of the server's tools."""

    async def __call__(self, to: str, subject: str, body: str, key: str) -> Mapping[str, Any]:
        """Deliver and return how it was confirmed.

        Raises:
            ToolError: ``unavailable`` when it could not be delivered.
        """
        ...


class Witness(Protocol):
    """Sees what is delivered outside of the server's tools."""

    def __call__(
        self, running: Running, channel: str, to: str
    ) -> AbstractAsyncContextManager[None]:
        """Return a context in which one delivery is tried; it may wait before that begins."""
        ...


def unseen(running: Running, channel: str, to: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG001 - a Witness
    """Let a delivery be tried, and tell nobody."""
    return contextlib.nullcontext()


class Notes(Protocol):
    """Keeps the memos of the parts of a work."""

    async def read(self, part: str) -> Any:
        """Return what was noted; None for nothing."""
        ...

    async def keep(self, part: str, memo: Any) -> None:
        """Note something; it is written when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What all runs of a worker share.

    Args:
        tools: The catalog's tools.
        recorder: Where runs tell of themselves.
        kinds: What nodes do, by kind.
        resources: Places for nodes that run at once.
        senders: How notifications leave, by channel.
        clock: Tells the Unix time.
        witness: Sees each delivery of a sender.
    """

    tools: Tools
    recorder: Recorder
    kinds: Mapping[str, Kind]
    resources: Resources = field(default_factory=Resources)
    senders: Mapping[str, Sender] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    witness: Witness = unseen


@dataclass(slots=True)
class Running:
    """A work while it runs.

    Args:
        run: The run's identifier.
        node: Where it is recorded: the node's id, ``sub.load`` in a subworkflow, ``each[3]`` in a
            map.
        work: What is to be done.
        scope: What its references and expressions see.
        services: What all runs share.
        is_recorded: Whether it tells of itself; most elements of a map do not.
        notes: Where its memo is kept; by default in its record.
        failed: How often a tool has answered that it failed, by where that is recorded; also of
            earlier attempts at what this is a part of.
        turn: The numbers of the attempts at what this is a part of, the outermost first.
        over: Done when nothing new may begin in what this is a part of; None where nothing says so.
        is_lenient: Whether a reference that leads nowhere is null and no failure.
        places: What it holds while an attempt goes on.
        parts: Who tells of it, where it is an element of a map.
        is_calling: Whether a call of a tool goes on.
        is_asking: Whether that waits for a person.
    """

    run: str
    node: str
    work: Work
    scope: Mapping[str, Any]
    services: Services
    is_recorded: bool = True
    notes: Notes | None = None
    failed: Counter[str] = field(default_factory=Counter)
    turn: tuple[int, ...] = ()
    over: asyncio.Future[None] | None = None
    is_lenient: bool = False
    places: Held | None = None
    parts: Parts | None = None
    is_calling: bool = False
    is_asking: bool = False
    attempts: int = 0
    input: Any = None
    tail: str = ""

    @property
    def key(self) -> str:
        """The idempotency key of what it does.

        The server keeps the answer to a key, also one that says that it failed. So another attempt
        gets another key when there was such an answer, and the same one when there was none.
        """
        key = f"{self.run}:{self.node}"
        if self.work.idempotency_key is not None:
            key = str(resolve(self.work.idempotency_key, self.scope))
        failures = self.failed[self.node]
        return f"{key}:{failures + 1}" if failures else key

    def field(self, name: str) -> Any:
        """Return a field of the work with its references replaced."""
        value = getattr(self.work, name)
        refuse_too_much(value, self.scope)
        return resolve(value, self.scope, is_lenient=self.is_lenient)

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, part: str = ""
    ) -> dict[str, Any]:
        """Call a tool and return its structured result, or its text as ``{"text": …}``.

        Args:
            tool: The name of a tool.
            arguments: Its arguments, with references replaced.
            part: Tells several calls of one node apart in their keys.

        Raises:
            ToolError: What the tool or the server says.
        """
        result = await self.result(tool, arguments, part=part)
        try:
            return output_of(result)
        except ToolError:
            self.log(text_of(result))
            raise

    async def result(
        self, tool: str, arguments: Mapping[str, Any], *, part: str = ""
    ) -> Mapping[str, Any]:
        """Call a tool and return its whole result, also one that says that it failed.

        A failure that the server has kept of another run is no answer to this one: what it is now
        is found out under the next key.

        Raises:
            ToolError: What the server says.
            OfAnother: There was such a failure; the next key is this one's now.
        """
        self.is_calling = True
        try:
            result = await self.services.tools.call(
                self.run,
                tool,
                arguments,
                key=f"{self.key}:{part}" if part else self.key,
                node=self.node,
                on_progress=self.progress,
                on_wait=self.waits,
                places=self.places,
            )
        finally:
            self.is_calling = False
            self.asks(is_asking=False)
        if result.get("isError"):
            self.count_failure(result)
        return result

    def count_failure(self, result: Mapping[str, Any]) -> None:
        """Take note that a result tells a failure: the next call has another key.

        Raises:
            OfAnother: It is another run's.
        """
        self.failed[self.node] += 1
        if (result.get("_meta") or {}).get(RESULT_OF, self.run) != self.run:
            raise OfAnother

    def waits(self, reason: str) -> None:
        """Tell why it waits; an empty reason when it goes on."""
        self.tell(status="waiting" if reason else "running")
        self.services.recorder.run(self.run, reason=reason)

    def queues(self, name: str) -> None:
        """Tell for places of which class it waits; an empty name when it does not any more."""
        told = f"waits for a place of the class '{name}' (workflow_places)"
        self.tell(progress={"done": 0, "total": None, "message": told} if name else None)

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Tell how far it is: below zero as long as it waits for a person."""
        self.gives_way(done)
        self.asks(is_asking=done < 0)
        self.tell(progress={"done": done, "total": total, "message": message})

    def asks(self, *, is_asking: bool) -> None:
        """Tell whether its call waits for a person; what is told after the call is too late."""
        if is_asking != self.is_asking and (self.is_calling or not is_asking):
            self.is_asking = is_asking
            self.tell(status="waiting" if is_asking else "running")

    def gives_way(self, done: float) -> None:
        """Let others work while a call waits for a person.

        What it holds besides stays its own: with a yes the server begins at once.
        """
        if done < 0 and self.places is not None:
            self.places.leave(EVERY)

    def log(self, text: str) -> None:
        """Add `text` to the tail of its log."""
        self.tail = (self.tail + text)[-LOG_TAIL:]
        self.tell(log=self.tail)

    def tell(self, **columns: Any) -> None:
        """Set columns of its record."""
        if "input" in columns:
            columns["input"] = shortened(columns["input"])
        if self.is_recorded:
            self.services.recorder.node(self.run, self.node, **columns)
        if self.parts is not None:
            self.parts.note(self.node, columns)

    async def memo(self) -> Any:
        """Return what an earlier attempt has noted; None for nothing."""
        if self.notes is not None:
            return await self.notes.read(self.node)
        return await self.services.recorder.memo(self.run, self.node)

    async def keep_memo(self, memo: Any) -> None:
        """Note something that a later attempt finds, also after a crash."""
        if self.notes is not None:
            await self.notes.keep(self.node, memo)
        else:
            await self.services.recorder.keep_memo(self.run, self.node, memo)

    def part(
        self,
        node: str,
        work: Work,
        scope: Mapping[str, Any],
        notes: Notes | None = None,
        parts: Parts | None = None,
    ) -> Running:
        """Return a work within this one, whose record this one keeps.

        A part that waits for a person tells of itself, or nobody could answer.
        """
        asks = str(getattr(work, "kind", "")) == "approval"
        made = Running(self.run, node, work, scope, self.services, is_recorded=asks, notes=notes)
        made.parts = parts
        made.failed, made.turn, made.over = self.failed, (*self.turn, self.attempts), self.over
        return made

    @property
    def is_over(self) -> bool:
        """Whether nothing new may begin in what this is a part of."""
        return self.over is not None and self.over.done()

    def ended(self, status: Any, started: float, **columns: Any) -> Outcome:
        """Return how it ended, now."""
        return Outcome(
            status=status,
            started=started,
            ended=self.services.clock(),
            attempts=self.attempts,
            input=shortened(self.input),
            **columns,
        )


def shortened(value: Any) -> Any:
    """Return an input as it is kept: of too large a one, only how its largest fields begin.

    Nothing depends on it but what people see: the node itself works with the whole.
    """
    if len(json.dumps(value)) <= LARGEST:
        return value
    if not isinstance(value, Mapping):
        return _beginning(value)
    kept = dict(value)
    sizes = {name: len(json.dumps(each)) for name, each in kept.items()}
    left = sum(sizes.values())
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if left <= LARGEST:
            break
        kept[name] = _beginning(kept[name])
        left -= sizes[name]
    return kept if len(json.dumps(kept)) <= LARGEST else _beginning(value)


def _beginning(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= LONGEST_MESSAGE:
        return value
    return f"{text[:LONGEST_MESSAGE]}… ({len(text):,} characters)"


def output_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a node keeps of a tool's result (MCP: ``CallToolResult``).

    Raises:
        ToolError: The one that the result tells.
    """
    structured = result.get("structuredContent")
    structured = structured if isinstance(structured, dict) else None
    if not result.get("isError"):
        return structured if structured is not None else {"text": text_of(result)}
    said = (structured or {}).get("error") or structured or {}
    said = said if isinstance(said, dict) else {"message": str(said)}
    if "ename" in said:
        raise ToolError("failed", f"{said['ename']}: {said.get('evalue', '')}")
    message = str(said.get("message") or text_of(result)[-LONGEST_MESSAGE:] or "The tool failed.")
    raise ToolError(str(said.get("code", "failed")), message, str(said.get("remedy", "")))


def text_of(result: Mapping[str, Any]) -> str:
    """Return the text of a tool's result."""
    content = result.get("content") or ()
    return "\n".join(str(each.get("text", "")) for each in content if each.get("type") == "text")
