"""The engine's API behind the SDK: a few threads at a time, errors with a remedy, reconnecting.

The SDK is synchronous, so each call is made in a thread, and no more of them at once than leave
some for the rest of the server. A client is made at the first call, and again after the engine
was gone: its API version may be another one then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Threads
from jupyter_mcp.toolsets.sandboxes.backends.docker_address import Address

R = TypeVar("R")

AT_ONCE = 5
"""Calls at a time; the server has eight threads."""
SECONDS = 60
"""How long the engine may take for one answer."""


class RefusalError(ToolError):
    """What the engine refused.

    Args:
        status: Its HTTP status.
        reason: What it said.
        is_image: Whether it is an image that is missing.
    """

    def __init__(self, status: int, reason: str, *, is_image: bool = False) -> None:
        super().__init__(
            "not_found" if status == 404 else "upstream",  # noqa: PLR2004  HTTP
            f"The container engine refused: {reason[:500]}",
            "See the engine's log.",
        )
        self.status = status
        self.reason = reason
        self.is_image = is_image


class DockerEngine:
    """One Docker or Podman service.

    Args:
        url: Where it listens; empty to look for it.
        threads: Threads for its calls.
    """

    def __init__(self, url: str, threads: Threads) -> None:
        self.address = Address.find(url, os.environ)
        self._threads = threads
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._client: Any = None
        self._is_stopped = False

    async def call(self, work: Callable[[Any], R]) -> R:
        """Run `work` with the SDK's low-level client in a thread.

        Raises:
            RefusalError: When the engine answers with an error.
            ToolError: ``unavailable`` when it does not answer or the SDK is missing.
        """
        async with self._turns:
            return await self._threads.run(self._guarded, work)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection of its own for a stream.

        Raises:
            ToolError: ``unavailable`` when the engine does not answer.
        """
        try:
            return await self.address.connect()
        except OSError as error:
            raise self.gone(error) from error

    async def stop(self) -> None:
        """Close the connections; what still goes on afterwards has its own for a moment."""
        self._is_stopped = True
        await self._threads.run(self._drop)

    def gone(self, error: Exception | str) -> ToolError:
        """Return the error of an engine that does not answer."""
        return ToolError(
            "unavailable",
            f"No container engine answers at {self.address.url}: {str(error)[:300]}",
            "Start Docker or Podman's service and check that this account may use its socket, "
            "or set docker_url.",
        )

    def _guarded(self, work: Callable[[Any], R]) -> R:
        try:
            from docker.errors import APIError, DockerException, ImageNotFound  # type: ignore[import-untyped]
            from requests.exceptions import RequestException
        except ImportError as error:
            raise ToolError(
                "unavailable",
                "Docker's Python client is not installed.",
                "pip install 'jupyter-mcp-workbench[containers]'",
            ) from error
        try:
            self.address.knock()
            return work(self._connected())
        except APIError as error:
            status = error.status_code or 500
            is_image = isinstance(error, ImageNotFound)
            raise RefusalError(
                status, str(error.explanation or error), is_image=is_image
            ) from error
        except (RequestException, DockerException, OSError) as error:
            self._drop()
            raise self.gone(error) from error
        finally:
            if self._is_stopped:
                self._drop()

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._open()
            return self._client

    def _open(self) -> Any:
        from docker import APIClient  # type: ignore[import-untyped]
        from docker.tls import TLSConfig  # type: ignore[import-untyped]

        tls: Any = False
        if folder := self.address.certificates:
            tls = TLSConfig(
                client_cert=(f"{folder}/cert.pem", f"{folder}/key.pem"),
                ca_cert=f"{folder}/ca.pem",
                verify=self.address.is_verified,
            )
        return APIClient(
            self.address.url, version="auto", timeout=SECONDS, tls=tls, max_pool_size=AT_ONCE
        )

    def _drop(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()
