"""The host's end of the program inside: requests by number, each with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Literal, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.frames import Answer, BrokenFrameError, Frames

SECONDS = 30.0
END_SECONDS = 3.0
KEPT_COMPLAINT = 4000
CODES = {"unsupported", "unavailable", "invalid_arguments", "not_found"}
NO_DESKTOP = 'Create a sandbox with image="jupyter-mcp/desktop".'
ANEW = "Call again; if that does not help, create the sandbox anew."


class Process(Protocol):
    """A process inside, as the link gives it (`sandboxes.link.processes.Process`)."""

    def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """Yield what it writes, until it has ended."""
        ...

    async def write(self, data: bytes) -> None:
        """Write to its stdin."""
        ...

    async def close_stdin(self) -> None:
        """Let it end by itself."""
        ...

    async def kill(self) -> None:
        """End it with all that it started."""
        ...


class Tasks(Protocol):
    """Who owns background tasks (`jupyter_mcp.calls.supervisor.Supervisor`)."""

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in the background."""
        ...


class Wire:
    """Sends requests and hands each answer to who waits for it.

    Args:
        process: The program inside.
        tasks: The owner of the task that reads.
        name: What to call that task.
    """

    def __init__(self, process: Process, tasks: Tasks, name: str) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._complaint = bytearray()
        self.closed = asyncio.Event()
        self._reader = tasks.spawn(name, self._read())

    async def send(self, data: bytes) -> None:
        """Send bytes that are no request: the program itself."""
        await self._process.write(data)

    async def request(self, op: str, **values: Any) -> Answer:
        """Ask for something.

        Raises:
            ToolError: What the program refused; ``unavailable`` when it is gone or not to be
                understood; ``timeout`` when it does not answer, and it is ended then.
        """
        if self.closed.is_set():
            raise self._gone()
        number = next(self._numbers)
        line = json.dumps({"op": op, "id": number, **values}).encode() + b"\n"
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            async with asyncio.timeout(SECONDS):
                await self._process.write(line)
                answer = await waiting
        except TimeoutError as error:
            await self.close()
            raise ToolError(
                "timeout",
                f"The desktop did not answer within {SECONDS:g} seconds and was ended.",
                "Call again: it begins anew. Programs on it have to be started again.",
            ) from error
        finally:
            self._waiting.pop(number, None)
        if "error" in answer.told:
            raise refusal(answer.told["error"])
        return answer

    async def close(self) -> None:
        """End the program and what it started, by itself or else by force."""
        with contextlib.suppress(ToolError):  # the link is gone, and with it the program
            await self._process.close_stdin()
            await asyncio.wait([self._reader], timeout=END_SECONDS)
            await self._process.kill()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        frames = Frames()
        try:
            async for stream, data in self._process.output():
                if stream == "stderr":
                    self._complaint += data
                    del self._complaint[:-KEPT_COMPLAINT]
                else:
                    for answer in frames.feed(data):
                        self._settle(answer)
        except BrokenFrameError as error:
            self._complaint += f"\n{error}".encode()
            await self._process.kill()
        except ToolError as error:  # the link is gone, and with it the program
            self._complaint += f"\n{error.message}".encode()
        finally:
            self.closed.set()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(self._gone())

    def _settle(self, answer: Answer) -> None:
        waiting = self._waiting.get(answer.number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _gone(self) -> ToolError:
        lines = self._complaint.decode("utf-8", "replace").strip().splitlines()
        last = f" ({lines[-1][:200]})" if lines else ""
        return ToolError(
            "unavailable",
            f"The desktop of the sandbox has ended{last}.",
            "Call again: it begins anew. If that happens often, create the sandbox with more "
            'memory: a browser needs memory="1g".',
        )


def refusal(error: Any) -> ToolError:
    """Turn a refusal from inside into an error; it may say anything."""
    error = error if isinstance(error, dict) else {}
    said = (str(error.get(key, ""))[:500].strip() for key in ("code", "message", "remedy"))
    code, message, remedy = said
    remedy = remedy or (NO_DESKTOP if code == "unsupported" else ANEW)
    return ToolError(code if code in CODES else "unavailable", message or "Refused.", remedy)
