"""Programs that the engine starts in a container, and their certain end.

The engine has no call that ends one, and closing its stream does not either. So each carries a
mark in its environment, which its children inherit; when its channel is closed and it stays, all
that carry the mark are killed from inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from weakref import WeakValueDictionary

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.backends.docker_channel import ExecChannel, attach
from jupyter_mcp.toolsets.sandboxes.backends.docker_engine import DockerEngine
from jupyter_mcp.toolsets.sandboxes.backends.docker_options import USER, WORKSPACE

MARK = "JUPYTER_MCP_CHANNEL"
GRACE = 0.5
"""Seconds in which a program has to leave when its channel is closed."""
ARRIVAL = 5.0
"""Seconds in which a program that was started has to run."""
OUTPUT = 64 * 1024
RUN_SECONDS = 20.0

KILL = """\
for turn in 1 2 3 4 5; do
  found=
  for e in /proc/[0-9]*/environ; do
    if grep -qs "$1" "$e"; then p=${e#/proc/}; kill -9 "${p%/environ}" && found=1; fi
  done
  [ -n "$found" ] || exit 0
done
"""
"""Ends all processes that carry a mark, also those that left the session of the first."""


class Programs:
    """Starts programs in containers.

    Args:
        engine: The engine.
        tasks: Owner of what closes channels.
    """

    def __init__(self, engine: DockerEngine, tasks: Spawner) -> None:
        self._engine = engine
        self._tasks = tasks
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._on_their_way: dict[str, set[str]] = {}

    @contextlib.asynccontextmanager
    async def settled(self, ref: str) -> AsyncIterator[None]:
        """Hold back new programs, and begin when those that were started have arrived."""
        async with self._turn(ref):
            for started in self._on_their_way.pop(ref, set()):
                await self._arrived(started)
            yield

    def forget(self, ref: str) -> None:
        """Let go of a container that is gone."""
        self._on_their_way.pop(ref, None)

    async def start(self, ref: str, argv: Sequence[str], user: str = USER) -> ExecChannel:
        """Start `argv` in the workspace and return its pipes.

        Raises:
            RefusalError: ``status`` 404 when the container is gone, 409 when it does not run.
            ToolError: ``unavailable`` when the engine does not answer.
        """
        mark = f"{MARK}={secrets.token_hex(12)}"
        made = await self._engine.call(
            lambda api: api.exec_create(
                ref, list(argv), stdin=True, user=user, environment=[mark], workdir=WORKSPACE
            )
        )
        started = str(made["Id"])
        async with self._turn(ref):
            self._on_their_way.setdefault(ref, set()).add(started)
            return await attach(
                self._engine, started, lambda: self._reap(ref, started, mark), self._tasks
            )

    async def run(self, ref: str, script: str, *arguments: str, user: str = USER) -> str:
        """Run a shell script to its end and return what it printed, cut to 64 KiB.

        Raises:
            RefusalError, ToolError: As `start`; ``timeout`` when it takes longer than 20 s.
        """
        channel = await self.start(ref, ["/bin/sh", "-c", script, "sh", *arguments], user)
        text = b""
        try:
            async with asyncio.timeout(RUN_SECONDS):
                while len(text) < OUTPUT and (data := await channel.read(OUTPUT - len(text))):
                    text += data
        except TimeoutError as error:
            raise ToolError(
                "timeout", "The sandbox does not answer.", "Destroy it, or try again later."
            ) from error
        finally:
            await channel.close()
        return text.decode(errors="replace")

    def _turn(self, ref: str) -> asyncio.Lock:
        return self._turns.setdefault(ref, asyncio.Lock())

    async def _arrived(self, started: str) -> None:
        """Return when a program runs inside, or has ended, or after some seconds."""
        with contextlib.suppress(ToolError, TimeoutError):
            async with asyncio.timeout(ARRIVAL):
                while True:
                    state = await self._engine.call(lambda api: api.exec_inspect(started))
                    if state.get("Pid") or state.get("ExitCode") is not None:
                        return
                    await asyncio.sleep(0.005)

    async def _reap(self, ref: str, started: str, mark: str) -> None:
        """Wait until a program is gone, and kill it when it does not go."""
        self._on_their_way.get(ref, set()).discard(started)
        with contextlib.suppress(ToolError):  # the container, or the engine, is gone: so is it
            if await self._left(started, GRACE):
                return
            made = await self._engine.call(
                lambda api: api.exec_create(
                    ref, ["/bin/sh", "-c", KILL, "sh", mark], user=USER, stdout=False, stderr=False
                )
            )
            await self._engine.call(lambda api: api.exec_start(made["Id"], detach=True))
            await self._left(started, GRACE)

    async def _left(self, started: str, seconds: float) -> bool:
        """Whether a program has left, or leaves within some seconds."""
        pause, until = 0.005, time.monotonic() + seconds
        while True:
            state = await self._engine.call(lambda api: api.exec_inspect(started))
            if not state.get("Running"):
                return True
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)
