"""The worker's `Tools`: calls of nodes go through the server's own door, whatever happens to it.

A call that got no answer is made again with the same idempotency key, so that it is done once. As
long as the server is away, or the owner's access is ended or paused, a node waits and says why.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.acting import WORKFLOW
from jupyter_mcp.toolsets.workflows.engine.tools import OnProgress, OnWait, Places
from jupyter_mcp.toolsets.workflows.worker.door import Away, NotLetIn, Waiting, nobody_to_ask
from jupyter_mcp.toolsets.workflows.worker.lines import Lines

KEY = "jupyter-mcp/idempotency-key"
"""As `jupyter_mcp.policies.idempotency` reads it."""

_TAKEN = re.compile(r"[!-~]{1,200}")
"""The keys that the server takes."""

PAUSE_SECONDS = (0.05, 1.0)
"""After how long a call is tried again: the first time and at most."""

HELD_BACK = frozenset({"paused"})
"""Codes with which a server says that a call may be made later; ``transient`` data says it too."""


class _Wanted(NamedTuple):
    """What a door is asked for."""

    tool: str
    arguments: Mapping[str, Any]
    meta: Mapping[str, Any]
    on_progress: OnProgress | None


class ServerTools:
    """Calls tools at the server.

    Args:
        lines: The lines to it.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def call(
        self,
        run: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str = "",
        node: str = "",
        seconds: float | None = None,
        on_progress: OnProgress | None = None,
        on_wait: OnWait | None = None,
        places: Places | None = None,
    ) -> Mapping[str, Any]:
        """Call a tool and return its result.

        Raises:
            ToolError: What the server refuses; ``timeout`` after `seconds`.
        """
        meta: dict[str, Any] = {WORKFLOW: {"run": run, "node": node}}
        if key:
            meta[KEY] = _taken(key)
        wanted = _Wanted(tool, arguments, meta, on_progress)
        wait = _Wait(on_wait, places)
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._patiently(run, wanted, wait)
        except TimeoutError:
            if not limit.expired():
                raise
            what = f"'{tool}' gave no answer within {seconds:g} seconds."
            raise ToolError("timeout", what, "Give it more time.") from None
        finally:
            wait.end()

    async def _patiently(self, run: str, wanted: _Wanted, wait: _Wait) -> Mapping[str, Any]:
        while True:
            try:
                async with self._lines.of(run) as line:
                    await wait.go_on()
                    try:
                        return await line.door.call(*wanted)
                    except (Away, NotLetIn):
                        self._lines.over(line)
                        raise
            except (Away, Waiting) as why:
                wait.begin(why.reason)
            except NotLetIn:
                pass  # the next token is refused with the reason, if there is one
            except ToolError as error:
                if error.code not in HELD_BACK and error.data.get("transient") is not True:
                    raise nobody_to_ask(error) from None
                wait.begin(error.message.rstrip("."), is_held=True)
            await wait.pause()


def _taken(key: str) -> str:
    """Return a key that the server takes; of any other, as of a node far inside, its hash."""
    if _TAKEN.fullmatch(key):
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


class _Wait:
    """What is told while a call waits, and for how long it waits.

    Args:
        tell: Told the reason.
        places: What others have meanwhile.
    """

    def __init__(self, tell: OnWait | None, places: Places | None) -> None:
        self._tell = tell
        self._places = places
        self._reason = ""
        self._is_held = False
        self._next = PAUSE_SECONDS[0]

    def begin(self, reason: str, *, is_held: bool = False) -> None:
        """Tell why it waits, once; a call that is held back waits although the server is there."""
        self._is_held = is_held
        if reason != self._reason:
            self._reason = reason
            if self._tell is not None:
                self._tell(reason)

    async def go_on(self) -> None:
        """Tell that the server is there, and return once there is room for the call."""
        if not self._is_held:
            self.begin("")
        if self._places is not None:
            await self._places.take()

    def end(self) -> None:
        """Tell that nothing is waited for any more."""
        self.begin("")

    async def pause(self) -> None:
        """Wait a while, longer each time, and let others work."""
        if self._places is not None:
            self._places.leave()
        await asyncio.sleep(self._next)
        self._next = min(2 * self._next, PAUSE_SECONDS[1])
