"""Settings: traitlets at the edge, where Jupyter reads them; one frozen dataclass inside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Float, HasTraits, Integer, List, Unicode


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator decided.

    Args:
        toolsets: The toolsets to offer; empty for all, of which clients see the core by default.
        allow_origins: Origins of web pages that may call, besides the server's own.
        cors_origins: Origins that the HTTP API answers with CORS headers.
        max_body_bytes: The largest request body.
        max_sessions: How many sessions of the older protocol revisions may be open.
        session_idle_seconds: After how many seconds such a session ends.
        call_seconds: After how many seconds a call is cancelled; 0 for never.
        threads: How many blocking pieces of work run at once.
        sign_outputs: Whether outputs of an agent's runs are trusted as the person's own are.
        output_bytes: How many bytes of text of one output a model gets; the rest is a resource.
        image_pixels: The longest side of an image that a model gets.
        job_days: For how many days ended jobs are kept.
        database_url: SQLAlchemy URL; empty for SQLite in the state folder.
        state_dir: Folder of the state; empty for one below Jupyter's data folder.
    """

    toolsets: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 8 * 1024 * 1024
    max_sessions: int = 1000
    session_idle_seconds: float = 1800.0
    call_seconds: float = 0.0
    threads: int = 8
    sign_outputs: bool = False
    output_bytes: int = 10_000
    image_pixels: int = 1024
    job_days: float = 7.0
    database_url: str = ""
    state_dir: str = ""

    def state_folder(self, root: str) -> Path:
        """Return the private folder of a server with the root folder `root`, made if need be."""
        digest = hashlib.sha256(str(Path(root).resolve()).encode()).hexdigest()[:16]
        folder = Path(self.state_dir or Path(jupyter_data_dir()) / "jupyter_mcp") / digest
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        return folder


class SettingsTraits(HasTraits):
    """The traits behind `Settings`, as ``c.JupyterMCP.NAME`` or ``--JupyterMCP.NAME``."""

    toolsets = List(
        Unicode(),
        help="Toolsets to offer. Empty: all that are installed, of which a client that names none "
        "sees the core (notebooks, jobs). Clients can only narrow this list.",
    ).tag(config=True)
    allow_origins = List(
        Unicode(), help="Origins of web pages that may call MCP, besides the server's own."
    ).tag(config=True)
    cors_origins = List(
        Unicode(), help="Origins that the HTTP API answers with CORS headers. Default: none."
    ).tag(config=True)
    max_body_bytes = Integer(8 * 1024 * 1024, min=1024, help="The largest request body.").tag(
        config=True
    )
    max_sessions = Integer(
        1000, min=1, help="Open sessions of MCP revisions before 2026-07-28."
    ).tag(config=True)
    session_idle_seconds = Float(
        1800.0, min=1.0, help="Seconds after which such a session ends when nothing happens."
    ).tag(config=True)
    call_seconds = Float(
        0.0, min=0.0, help="Seconds after which a call is cancelled; 0 for never."
    ).tag(config=True)
    threads = Integer(8, min=1, help="Blocking pieces of work that run at once.").tag(config=True)
    sign_outputs = Bool(
        default_value=False,
        help="Trust outputs of an agent's runs as if the person had run the cell.",
    ).tag(config=True)
    output_bytes = Integer(
        10_000, min=500, help="Bytes of text of one output that a model gets; the rest is a link."
    ).tag(config=True)
    image_pixels = Integer(
        1024, min=64, help="Longest side in pixels of an image that a model gets."
    ).tag(config=True)
    job_days = Float(7.0, min=0.0, help="Days for which ended jobs are kept.").tag(config=True)
    database_url = Unicode(
        "", help="SQLAlchemy URL of the database; empty for SQLite in the state folder."
    ).tag(config=True)
    state_dir = Unicode(
        "", help="Folder for state; empty for one below Jupyter's data folder."
    ).tag(config=True)

    def to_settings(self) -> Settings:
        """Return the traits' values as frozen settings."""
        values: dict[str, Any] = {name: getattr(self, name) for name in Settings.__slots__}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return Settings(**values | lists)
