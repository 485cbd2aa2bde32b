"""Takes secrets out of results, progress and log before anybody keeps or sends them.

It stands inside of those who record. A tool whose very answer is a secret (a new token) is
marked with ``secret_output``: the caller then gets the whole, and nobody keeps it.
Each message is looked at by itself: a secret split over two lines of progress is not found. A big
result is looked through in a thread: a megabyte of JSON takes 20 ms, and everybody would wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from jupyter_mcp.calls.call import Call, Channel, InputRequest, LogLevel
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Embedded, Link, Message, Result, Text
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.jobs import JobContext
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.secrets.redaction import Redactor, gather

IN_PLACE = 32 * 1024
"""Up to how many characters and items a result is looked through at once."""

_PLAIN = frozenset({int, float, bool, type(None)})


class Redact:
    """The policy, and what of it holds for work that goes on in the background.

    Args:
        redactor: Knows what must not be seen.
        executor: Where big results are looked through.
    """

    def __init__(self, redactor: Redactor, executor: Executor) -> None:
        self._redactor = redactor
        self._executor = executor

    async def __call__(self, call: Call, following: Following) -> Result:
        """Redact what the call tells while it runs and what it answers."""
        if not isinstance(call.channel, RedactedChannel):
            call.channel = RedactedChannel(call, self._redactor)
        result = await following(call)
        if call.operation.secret_output:
            return result
        if is_big(result):
            return await self._executor.run(self.result, result)
        return self.result(result)

    def result(self, result: Result) -> Result:
        """Return `result` redacted; itself when it is clean."""
        found: list[str] = []
        for block in result.content:
            if type(block) is Text:
                found.append(block.text)
            else:
                _gather_block(block, found)
        if result.structured is not None:
            gather(result.structured, found)
        elif not result.content:
            _gather_block(result.value, found)
        if result.meta:
            gather(result.meta, found)
        return result if self._redactor.is_clean("\n".join(found)) else self._cleaned(result)

    def job(self, job: JobContext) -> JobContext:
        """Return `job` such that what it tells is redacted."""
        return RedactedJob(job, self._redactor)

    def _cleaned(self, result: Result) -> Result:
        clean = self._block
        return replace(
            result,
            content=tuple(clean(block) for block in result.content),
            structured=self._redactor.clean(result.structured),
            error=None if result.error is None else self._error(result.error),
            value=None if result.content else clean(result.value),
            meta=self._redactor.clean(result.meta),
        )

    def _error(self, error: ToolError) -> ToolError:
        clean = self._redactor.clean
        data = clean(error.data)
        return ToolError(error.code, clean(error.message), clean(error.remedy), data=data)

    def _block(self, block: Any) -> Any:
        if isinstance(block, Text | Link | Embedded | Message):
            told = {each.name: self._block(getattr(block, each.name)) for each in fields(block)}
            return replace(block, **told)
        if isinstance(block, list | tuple):
            return type(block)(map(self._block, block))
        return self._redactor.clean(block)


def is_big(result: Result) -> bool:
    """Return whether to look through `result` takes long; to tell takes no longer for a big one."""
    left = IN_PLACE
    waiting: list[Any] = [result.content, result.structured, result.meta]
    if not result.content:
        waiting.append(result.value)
    while waiting and left > 0:
        value = waiting.pop()
        kind = type(value)
        if kind in _PLAIN:
            continue
        if kind is Text:
            left -= len(value.text)
        elif kind is str:
            left -= len(value)
        elif kind is tuple or kind is list:
            left -= len(value)
            waiting += value if left > 0 else ()
        elif isinstance(value, Mapping):
            left -= len(value)
            waiting += value.values() if left > 0 else ()
        elif isinstance(value, Embedded) and isinstance(value.data, str):
            left -= len(value.data)
        elif isinstance(value, Message):
            waiting.append(value.content)
    return left <= 0


class RedactedChannel:
    """A call's way back, on which secrets are taken out.

    Args:
        call: The call; its channel is the one that gets what is left.
        redactor: Knows what must not be seen.
    """

    __slots__ = ("_call", "_channel", "_redactor")

    def __init__(self, call: Call, redactor: Redactor) -> None:
        self._call = call
        self._channel: Channel = call.channel
        self._redactor = redactor

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return self._channel.can_ask

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Tell how far the call is."""
        cleaned = self._redactor.text(message)
        if cleaned is not message:
            self._call.progress = (done, total, cleaned)
        await self._channel.progress(done, total, cleaned)

    async def log(self, level: LogLevel, data: Any) -> None:
        """Tell the client a line of log."""
        await self._channel.log(level, self._redactor.clean(data))

    async def ask(self, requests: Mapping[str, InputRequest]) -> Mapping[str, Mapping[str, Any]]:
        """Ask the client; what a tool asks may hold a secret as well."""
        return await self._channel.ask(_cleaned(requests, self._redactor))


class RedactedJob:
    """A background job, from whose progress and log secrets are taken out.

    Args:
        job: The job.
        redactor: Knows what must not be seen.
    """

    __slots__ = ("_job", "_redactor")

    def __init__(self, job: JobContext, redactor: Redactor) -> None:
        self._job = job
        self._redactor = redactor

    @property
    def id(self) -> str:
        """The job's identifier."""
        return self._job.id

    @property
    def can_ask(self) -> bool:
        """Whether somebody can be asked."""
        return self._job.can_ask

    async def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the job is."""
        await self._job.progress(done, total, self._redactor.text(message))

    def log(self, text: str) -> None:
        """Add `text` to the job's log."""
        self._job.log(self._redactor.text(text))

    async def ask(self, requests: Mapping[str, InputRequest]) -> Mapping[str, Mapping[str, Any]]:
        """Ask whoever looks after the job; a question may hold a secret as well."""
        return await self._job.ask(_cleaned(requests, self._redactor))


def _cleaned(
    requests: Mapping[str, InputRequest], redactor: Redactor
) -> Mapping[str, InputRequest]:
    clean = redactor.clean
    return {key: InputRequest(each.method, clean(each.params)) for key, each in requests.items()}


def _gather_block(block: Any, found: list[str]) -> None:
    if type(block) is Text:
        found.append(block.text)
    elif isinstance(block, Sequence) and not isinstance(block, str | bytes):
        for each in block:
            _gather_block(each, found)
    elif isinstance(block, Link | Embedded | Message) and is_dataclass(block):
        for each in fields(block):
            _gather_block(getattr(block, each.name), found)
    else:
        gather(block, found)
