"""Where an engine listens, and a plain connection to it.

Docker's own variables count (``DOCKER_HOST``, ``DOCKER_TLS_VERIFY``, ``DOCKER_CERT_PATH``). The SDK
keeps its sockets to itself, so streams dial the same address again, in the event loop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError

DOCKER_SOCKET = "/var/run/docker.sock"
BUFFER = 256 * 1024
"""Bytes that a stream holds before the engine has to wait; asyncio keeps up to twice as many."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens.

    Args:
        url: As Docker writes it, such as ``unix:///var/run/docker.sock`` or ``tcp://host:2376``.
        certificates: Folder of ``ca.pem``, ``cert.pem`` and ``key.pem``; empty without TLS.
        is_verified: Whether the engine's certificate is checked.
    """

    url: str
    certificates: str = ""
    is_verified: bool = True

    @classmethod
    def find(cls, url: str, environment: Mapping[str, str]) -> Address:
        """Return where to look: what is set, else Docker's variables, else the usual sockets."""
        url = url or environment.get("DOCKER_HOST", "") or _usual_socket(environment)
        if not url.startswith(("tcp://", "http://", "https://")):
            return cls(url)
        is_verified = environment.get("DOCKER_TLS_VERIFY", "") != ""
        folder = environment.get("DOCKER_CERT_PATH", "")
        if not folder and (is_verified or url.startswith("https://")):
            folder = str(Path.home() / ".docker")
        return cls(url, folder, is_verified)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection of its own for a stream.

        Raises:
            OSError: When nothing answers.
            ToolError: ``unsupported`` for an address such as ``ssh://``.
        """
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            path = parts.netloc + parts.path
            return await asyncio.open_unix_connection(path, limit=BUFFER)
        if parts.scheme not in {"tcp", "http", "https"} or not parts.hostname:
            raise ToolError(
                "unsupported",
                f"Sandboxes cannot reach an engine at {parts.scheme}://.",
                "Set docker_url to a unix:// or tcp:// address.",
            )
        context = self._ssl() if self.certificates else None
        port = parts.port or (2376 if context else 2375)
        return await asyncio.open_connection(parts.hostname, port, ssl=context, limit=BUFFER)

    def knock(self) -> None:
        """Return when somebody listens on a Unix socket; the rest is left to the SDK.

        The SDK leaves its own socket to the garbage collector where nobody does.

        Raises:
            OSError: When nobody listens.
        """
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as door:
                door.connect(parts.netloc + parts.path)

    def _ssl(self) -> ssl.SSLContext:
        folder = Path(self.certificates)
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return context


def _usual_socket(environment: Mapping[str, str]) -> str:
    """Return the first engine's socket that is there; Docker's own where none is."""
    places = [DOCKER_SOCKET]
    if runtime := environment.get("XDG_RUNTIME_DIR", ""):
        places += [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"]
    places.append("/run/podman/podman.sock")
    return "unix://" + next((place for place in places if os.access(place, os.W_OK)), places[0])
