"""Opens Chroma quietly and closes it really.

Chroma reads ``.env`` of the current folder and would wait for a server without end; it keeps open
clients in a cache of the process; and its logs end in the terminal when nobody has set up logging.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

INSTALL = "pip install 'jupyter-mcp-workbench[search]'"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 60


def chroma() -> Any:
    """Return the module ``chromadb``; it takes a second and 78 MB.

    Raises:
        ToolError: ``unavailable`` when it is not installed or only its HTTP client is.
    """
    logger = logging.getLogger("chromadb")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("chromadb")
    except ImportError as error:
        raise missing(str(error)) from error
    except Exception as error:
        # Chroma reads the environment and .env at its import, and may not like them.
        told = " ".join(str(error).split())[:200]
        raise ToolError(
            "unavailable",
            f"Chroma cannot be imported, so only words are searched ({told}).",
            "Look at the file .env and at environment variables of these names.",
        ) from error


def missing(reason: str) -> ToolError:
    """Return what is told where the library is not installed."""
    return ToolError(
        "unavailable", f"Chroma is missing, so only words are searched ({reason}).", INSTALL
    )


def open_folder(folder: Path) -> Any:
    """Return a client of a folder; no other process may use it meanwhile."""
    module = chroma()
    try:
        return module.PersistentClient(str(folder), settings=_settings())
    except BaseException:
        _forget(str(folder))
        raise


def open_server(url: str) -> Any:
    """Return a client of a server.

    Args:
        url: ``http(s)://host:port``; ``?tenant=…&database=…`` when they are not Chroma's default.

    Raises:
        ToolError: ``invalid_arguments`` when it is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ToolError(
            "invalid_arguments",
            f"{url!r} is no URL of a Chroma server.",
            "Set search_chroma_url to one such as http://127.0.0.1:8000.",
        )
    module = chroma()
    _knock(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    client = module.HttpClient(
        host=host,
        port=port,
        ssl=parts.scheme == "https",
        settings=_settings(chroma_server_host=host, chroma_server_http_port=port),
        **{name: asked[name] for name in ("tenant", "database") if name in asked},
    )
    _session(client).timeout = (CONNECT_SECONDS, ANSWER_SECONDS, ANSWER_SECONDS, ANSWER_SECONDS)
    return client


def close(client: Any) -> None:
    """Let go of all that a client holds.

    A client of a server has a second one for tenants, and neither closes its connections.
    """
    parts = [part for part in (client, getattr(client, "_admin_client", None)) if part is not None]
    sessions = [_session(part) for part in parts]
    systems = [part._system for part in parts]  # noqa: SLF001
    client.close()
    for session in sessions:
        if session is not None:
            session.close()
    kept = _shared()._identifier_to_system  # noqa: SLF001
    for name, system in list(kept.items()):
        if system in systems:
            kept.pop(name, None)


def _forget(identifier: str) -> None:
    """Chroma keeps in its cache also what did not start, and would hand it out."""
    shared = _shared()
    shared._identifier_to_system.pop(identifier, None)  # noqa: SLF001
    shared._identifier_to_refcount.pop(identifier, None)  # noqa: SLF001


def _shared() -> Any:
    return importlib.import_module("chromadb.api.shared_system_client").SharedSystemClient


def _settings(**more: Any) -> Any:
    module = importlib.import_module("chromadb.config")
    return module.Settings(_env_file=None, anonymized_telemetry=False, **more)


def _session(client: Any) -> Any:
    return getattr(getattr(client, "_server", None), "_session", None)


def _knock(url: str) -> None:
    """Chroma's own first request has no time limit."""
    import httpx

    parts = urlsplit(url)
    address = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/api/v2/heartbeat"
    httpx.get(address, timeout=CONNECT_SECONDS).raise_for_status()
