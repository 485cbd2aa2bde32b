"""Builds the runtime at the first request that needs it, once, and ends it with the server."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mcp.calls.toolset import JupyterServices
    from jupyter_mcp.config import Settings
    from jupyter_mcp.protocol.endpoint import Endpoint
    from jupyter_mcp.runtime import Runtime

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """What runs once somebody has asked for it."""

    runtime: Runtime
    endpoint: Endpoint


class Starter:
    """Starts and stops the runtime.

    Args:
        settings: Returns the administrator's settings.
        services: Returns the Jupyter server's parts.
        version: Our version.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        services: Callable[[], JupyterServices],
        version: str,
    ) -> None:
        self._settings = settings
        self._services = services
        self._version = version
        self._starting: asyncio.Task[Served] | None = None
        self._is_stopping = False
        self._told = ""
        self.served: Served | None = None
        self.listeners: list[Callable[[Served], object]] = []
        """Called once the runtime has started."""

    async def ready(self) -> Served:
        """Return the runtime, started by whoever asks first.

        A start that fails is tried again by the next request.

        Raises:
            Refused: 503 when it cannot start, as with a database of a newer version, and once the
                server stops: a kept connection may bring requests until its end.
        """
        self._check_goes_on()
        if self.served is not None:
            return self.served
        if self._starting is None or (self._starting.done() and not self._starting.cancelled()):
            self._starting = asyncio.create_task(self._start(), name="jupyter-mcp start")
        try:
            served = await asyncio.shield(self._starting)
        except ToolError as error:
            self._tell(error)
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, error) from None
        self._check_goes_on()
        return served

    async def stop(self) -> None:
        """End the runtime, if it was ever started, and start none from now on."""
        self._is_stopping = True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
            self._starting = None
        served, self.served = self.served, None
        if served is not None:
            await served.endpoint.stop()
            await served.runtime.stop()

    def _tell(self, error: ToolError) -> None:
        """Log why it cannot start, once for each reason, however often somebody asks."""
        if str(error) != self._told:
            self._told = str(error)
            _log.error("jupyter_mcp cannot start: %s", error)

    def _check_goes_on(self) -> None:
        if self._is_stopping:
            error = ToolError(
                "unavailable", "This server is stopping.", "Try again when it is back."
            )
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, error)

    async def _start(self) -> Served:
        with _collector_paused():
            return await self._build()

    async def _build(self) -> Served:
        with ThreadPoolExecutor(1, thread_name_prefix="jupyter-mcp-import") as pool:
            await asyncio.get_running_loop().run_in_executor(pool, _import)
        from jupyter_mcp.protocol.endpoint import Endpoint
        from jupyter_mcp.runtime import Runtime

        settings = self._settings()
        runtime = Runtime(settings, self._services())
        await runtime.start()
        endpoint = Endpoint(
            runtime,
            self._version,
            max_sessions=settings.max_sessions,
            idle_seconds=settings.session_idle_seconds,
            max_body=settings.max_body_bytes,
        )
        await endpoint.start()
        self.served = Served(runtime, endpoint)
        for listener in self.listeners:
            listener(self.served)
        return self.served


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector out of the start, and what was loaded out of the collector.

    While modules load, all that is made stays: looking for garbage costs 0.13 s of CPU and finds
    none. Afterwards about 290,000 objects are there to stay; a full collection would walk them for
    0.17 s again and again, with the event loop waiting.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_on:
            gc.enable()


def _import() -> None:
    """Import what is heavy, in a thread, so that the server goes on answering meanwhile."""
    import jupyter_mcp.protocol.endpoint
    import jupyter_mcp.runtime  # noqa: F401 - imported for the next one who does
