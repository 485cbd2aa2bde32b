"""A job of this process: what it tells, and what it asks, while it runs."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import JobRecord, JobStatus

LOG_TAIL = 8_000
"""Characters of a job's log that are kept."""

ASK_SECONDS = 86_400.0
"""For how long a question waits: whoever asked for the job may come back tomorrow."""

Answers = Mapping[str, Mapping[str, Any]]


class Asked(Protocol):
    """A question in MCP's words (`jupyter_mcp.calls.InputRequest`)."""

    @property
    def method(self) -> str:
        """Such as ``elicitation/create``."""
        ...

    @property
    def params(self) -> Mapping[str, Any]:
        """What it says."""
        ...


def _nobody(job: Job) -> None:
    del job


@dataclass(slots=True, eq=False)
class Job:
    """A job of this process.

    Args:
        owner: Identifier of the principal it belongs to.
        tool: The tool that began it.
        title: What it does, in a few words.
        told_by: Called when it told or asked something.
        can_ask: Whether somebody can answer what it asks.
    """

    owner: str
    tool: str
    title: str
    told_by: Callable[[Job], None] = _nobody
    can_ask: bool = True
    id: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex[:20]}")
    status: JobStatus = "running"
    started: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    ended: float | None = None
    told: dict[str, Any] | None = None
    tail: str = ""
    result: Mapping[str, Any] | None = None
    asks: dict[str, dict[str, Any]] = field(default_factory=dict)
    task: asyncio.Task[Any] | None = None
    is_unwanted: bool = False
    flush: asyncio.TimerHandle | None = None
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _used: set[str] = field(default_factory=set)
    _answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the job is."""
        self.told = {"done": done, "total": total, "message": message}
        self._tell()

    def log(self, text: str) -> None:
        """Add `text` to the tail of the log."""
        self.tail = (self.tail + text)[-LOG_TAIL:]
        self._tell()

    async def ask(self, requests: Mapping[str, Asked]) -> Answers:
        """Ask and wait for all answers; keys are made unique, so that an answer finds its question.

        Raises:
            ToolError: ``timeout`` when nobody answers.
        """
        async with self._asking:  # one round of questions is out at a time
            keys = {key: self._unused(key) for key in requests}
            self.asks = {
                keys[key]: {"method": each.method, "params": dict(each.params)}
                for key, each in requests.items()
            }
            self._answers = {}
            self._answered.clear()
            self._tell()
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    await self._answered.wait()
            except TimeoutError:
                raise ToolError(
                    "timeout", "Nobody answered the job's question.", "Start it again."
                ) from None
            finally:
                self.asks = {}
                self._tell()
            return {key: self._answers[mine] for key, mine in keys.items()}

    def answer(self, answers: Answers) -> None:
        """Take answers; those to other questions are left aside."""
        taken = {key: value for key, value in answers.items() if key in self.asks}
        self._answers.update(taken)
        self.asks = {key: value for key, value in self.asks.items() if key not in taken}
        if taken and not self.asks:
            self._answered.set()
        self._tell()

    def end(self, status: JobStatus) -> None:
        """Take note of how it ended."""
        self.status = status
        self.ended = self.updated = time.time()

    def record(self, keep: float | None = None) -> JobRecord:
        """Return it as it is now.

        Args:
            keep: For how many seconds it is kept after its end.
        """
        expires = None if self.ended is None or keep is None else self.ended + keep
        return JobRecord(
            id=self.id,
            owner=self.owner,
            tool=self.tool,
            title=self.title,
            status=self.status,
            started=self.started,
            updated=self.updated,
            ended=self.ended,
            progress=self.told,
            log=self.tail,
            result=self.result,
            asks=self.asks,
            expires=expires,
            is_untrusted=bool((self.result or {}).get("untrusted")),
        )

    def _unused(self, key: str) -> str:
        number, found = 1, key
        while found in self._used:
            number += 1
            found = f"{key}-{number}"
        self._used.add(found)
        return found

    def _tell(self) -> None:
        self.updated = time.time()
        self.told_by(self)
