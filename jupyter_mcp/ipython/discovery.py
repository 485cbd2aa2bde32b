"""Finds the Jupyter server to talk to.

A kernel finds the server that started it; a command finds a running server for the folder it is
called in. Both read Jupyter's own runtime files (mode 0600, they hold the token), because the
import of Jupyter's function for that takes a second and the file takes nothing.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

_PAGES = ("lab", "tree", "notebooks", "edit", "console", "doc", "api")
"""The first part of a path below the base URL that a person may have copied from the browser."""

ENVIRONMENT = "JUPYTER_MCP_URL"
"""How a server that the person named in the environment was found."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - it is undone


@dataclass(frozen=True, slots=True)
class Server:
    """A server to talk to.

    Args:
        url: The MCP endpoint, ``…/mcp``.
        token: The token to show; empty for none.
        found_by: How it was found, for people.
        root: The server's root folder, where known.
        pid: Its process, where known.
        key: What shows that the person at this machine asks, and not an agent with the token.
    """

    url: str
    token: str = ""
    found_by: str = "given"
    root: str = ""
    pid: int = 0
    key: str = field(default="", repr=False)

    @property
    def base_url(self) -> str:
        """The server's base URL, with a slash at the end."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix("mcp"), "", ""))

    @property
    def websocket_url(self) -> str:
        """The endpoint of MCP over WebSocket."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, f"{parts.path}/ws", parts.query, ""))

    @property
    def is_local(self) -> bool:
        """Whether it listens on this machine's loopback."""
        return urlsplit(self.url).hostname in {"localhost", "127.0.0.1", "::1"}

    def as_person(self) -> Server:
        """Return this server with the key of the person at this machine, where there is one."""
        same = (server for server in running_servers() if _same(self, server))
        key = self.key or next((server.key for server in same if server.key), "")
        return replace(self, token=key) if key else self

    def showing(self, token: str) -> Server:
        """Return this server with the token that somebody gave; without one it stays as it is."""
        return replace(self, token=token, key="") if token else self

    def with_toolsets(self, toolsets: str) -> Server:
        """Return the server with the toolsets that a client asks for in the URL."""
        if not toolsets:
            return self
        query = urlencode({"toolsets": toolsets}, safe=",")
        return replace(self, url=urlunsplit((*urlsplit(self.url)[:3], query, "")))

    def __repr__(self) -> str:
        return f"Server({self.url!r}, found_by={self.found_by!r})"


def given(url: str, token: str = "") -> Server:
    """Return the server behind a URL that a person gave.

    The URL may be the server's own (``http://localhost:8888/``), one copied from the browser
    (``…/lab/tree/a.ipynb?token=…``) or the endpoint. Without a token, that of the running server
    with the same address is taken.
    """
    parts = urlsplit(url if "//" in url else f"http://{url}")
    query = parse_qs(parts.query)
    token = token or query.get("token", [""])[0] or os.environ.get("JUPYTER_MCP_TOKEN", "")
    server = Server(_endpoint(parts.scheme, parts.netloc, parts.path), token)
    if not token:
        same = [other for other in running_servers() if _same(other, server)]
        server = replace(server, token=same[0].token) if same else server
    return server.with_toolsets(query.get("toolsets", [""])[0])


def from_environment(environ: Mapping[str, str] | None = None) -> Server | None:
    """Return the server that the environment names: ours first, then JupyterHub's."""
    env = os.environ if environ is None else environ
    if url := env.get(ENVIRONMENT, ""):
        return replace(given(url, env.get("JUPYTER_MCP_TOKEN", "")), found_by=ENVIRONMENT)
    hub_token = env.get("JUPYTERHUB_API_TOKEN", "")
    if hub_token and (url := env.get("JUPYTERHUB_SERVICE_URL", "")):
        parts = urlsplit(url)
        path = env.get("JUPYTERHUB_SERVICE_PREFIX") or parts.path
        address = _address(parts.hostname or "", parts.port)
        return Server(_endpoint(parts.scheme, address, path), hub_token, found_by="JupyterHub")
    return None


def of_kernel(environ: Mapping[str, str] | None = None) -> Server | None:
    """Return the server that a kernel belongs to; None where there is none."""
    env = os.environ if environ is None else environ
    if server := from_environment(env):
        return server
    parent = env.get("JPY_PARENT_PID", "")
    if not parent.isdigit():
        return None
    server = _read(runtime_dir() / f"jpserver-{parent}.json")
    return replace(server, found_by="the kernel's own server") if server else None


def of_folder(folder: Path | None = None) -> Server | None:
    """Return the server for a command called in `folder`: by environment, else a running one.

    Of the running servers the newest whose root contains the folder is taken, else the newest.
    """
    if server := from_environment():
        return server
    here = (folder or Path.cwd()).resolve()
    servers = running_servers()
    around = [server for server in servers if server.root and here.is_relative_to(server.root)]
    return next(iter(around or servers), None)


def running_servers() -> list[Server]:
    """Return the servers of this user that are alive, the newest first."""
    return servers_in(runtime_dir())


def servers_in(folder: Path) -> list[Server]:
    """Return the servers that are alive among the runtime files of a folder, the newest first."""
    files = sorted(folder.glob("jpserver-*.json"), key=_age)
    found = [server for file in files if (server := _read(file)) is not None]
    return [server for server in found if is_alive(server)]


def is_alive(server: Server) -> bool:
    """Tell whether the server's process exists and its port answers."""
    parts = urlsplit(server.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if server.pid and not _process_exists(server.pid):
        return False
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=1.0):
            return True
    except OSError:
        return False


def runtime_dir() -> Path:
    """Return Jupyter's runtime folder."""
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir())


def _read(file: Path) -> Server | None:
    try:
        info: Any = json.loads(file.read_text(encoding="utf-8"))
        parts = urlsplit(str(info["url"]))
        address = _address(parts.hostname or "", parts.port)
        return Server(
            _endpoint(parts.scheme, address, info.get("base_url") or parts.path),
            info.get("token") or "",
            found_by="running server",
            root=info.get("root_dir") or "",
            pid=int(info.get("pid") or 0),
            key=_key(file.with_name(file.name.replace("jpserver-", "jupyter-mcp-"))),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(file: Path) -> str:
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _endpoint(scheme: str, address: str, path: str) -> str:
    """Return the endpoint for any path of the server that a person can have copied."""
    parts = [part for part in path.split("/") if part]
    if parts and parts[-1] == "mcp":
        parts.pop()
    first = 2 if parts[:1] == ["user"] else 0
    cut = next((at for at in range(first, len(parts)) if parts[at] in _PAGES), len(parts))
    base = "/".join(["", *parts[:cut], "mcp"])
    return urlunsplit((scheme, address, base, "", ""))


def _address(host: str, port: int | None) -> str:
    host = _EVERYWHERE.get(host, host)
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def _same(one: Server, other: Server) -> bool:
    if one.is_local and other.is_local:
        return (urlsplit(one.url).port, urlsplit(one.url).path) == (
            urlsplit(other.url).port,
            urlsplit(other.url).path,
        )
    return one.url == other.url


def _age(file: Path) -> float:
    try:
        return -file.stat().st_mtime
    except OSError:
        return 0.0


def _process_exists(pid: int) -> bool:
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
