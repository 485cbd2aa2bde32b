"""Long requests to the Docker engine that can be broken off.

The SDK is synchronous, and a build may be silent for minutes. Each request has a client and a
thread of its own; to cancel it the reading end of its connection is shut, which ends the read in
that thread, and the engine stops a build whose client has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from jupyter_mcp.errors import ToolError

R = TypeVar("R")
_DEFAULT_SOCKET = "/var/run/docker.sock"
CONTROL_SECONDS = 60
SILENT_SECONDS = 3600
"""How long a build may say nothing."""


class BrokenOff(Exception):  # noqa: N818 - no error, somebody cancelled
    """The request was cancelled."""


class LongRequest:
    """One client of the engine for one long piece of work; use it as a context manager.

    Args:
        url: The engine's address; empty for Docker's own settings.
        seconds: How long it may say nothing.
    """

    def __init__(self, url: str, seconds: float = SILENT_SECONDS) -> None:
        self._url = url
        self._seconds = seconds
        self._lock = threading.Lock()
        self._response: Any = None
        self._is_broken = False

    def __enter__(self) -> Any:
        """Connect and return the SDK's low-level client.

        Raises:
            ToolError: ``unavailable``.
        """
        self._client = connect(self._url, self._seconds)
        self._client.hooks["response"].append(self._keep)
        return self._client

    def __exit__(self, *_: object) -> None:
        with self._lock:
            response, self._response = self._response, None
        if response is not None:
            response.close()
        self._client.close()

    def check(self) -> None:
        """Raise `BrokenOff` when the work was cancelled."""
        if self._is_broken:
            raise BrokenOff

    def break_off(self) -> None:
        """End the work; its thread meets an error. Called from any thread."""
        with self._lock:
            self._is_broken = True
            if self._response is not None:
                with contextlib.suppress(ValueError, RuntimeError, OSError):
                    self._response.raw.shutdown()

    def _keep(self, response: Any, *_: object, **__: object) -> None:
        with self._lock:
            self._response = response
        self.check()


def connect(url: str, seconds: float = CONTROL_SECONDS) -> Any:
    """Return a low-level client of the engine; blocking.

    Args:
        url: The engine's address; empty for Docker's own settings.
        seconds: How long it may be silent.

    Raises:
        ToolError: ``unavailable`` when there is no client library or no engine.
    """
    try:
        import docker  # type: ignore[import-untyped]
    except ImportError:
        raise ToolError(
            "unavailable",
            "Images need the 'containers' extra.",
            "pip install 'jupyter-mcp-workbench[containers]'",
        ) from None
    where = {"base_url": url} if url else docker.utils.kwargs_from_env()
    place = where.get("base_url") or f"unix://{_DEFAULT_SOCKET}"
    try:
        _knock(place)
        client = docker.APIClient(version="auto", timeout=CONTROL_SECONDS, **where)
    except (docker.errors.DockerException, OSError):
        raise ToolError(
            "unavailable",
            f"No Docker engine answers at {place}.",
            "Start Docker, or set c.JupyterMCP.docker_url or DOCKER_HOST.",
        ) from None
    client.timeout = seconds
    return client


def _knock(place: str) -> None:
    """Try a Unix socket: the SDK would leave its own open when nobody listens."""
    scheme, _, path = place.partition("://")
    if scheme in {"unix", "http+unix"}:
        with socket.socket(socket.AF_UNIX) as tried:
            tried.settimeout(CONTROL_SECONDS)
            tried.connect(path)


async def in_own_thread(work: Callable[[], R], break_off: Callable[[], None]) -> R:
    """Run blocking work in a thread of its own; cancelling breaks it off and waits for its end."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="jupyter-mcp-image")
    running = asyncio.get_running_loop().run_in_executor(pool, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        break_off()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # it was broken off: nobody asks for what it met
        raise
    finally:
        pool.shutdown(wait=False)
