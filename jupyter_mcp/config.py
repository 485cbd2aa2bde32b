"""Settings: traitlets at the edge, where Jupyter reads them; one frozen dataclass inside."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Dict, Enum, Float, HasTraits, Integer, List, Unicode

_PRIVATE = 0o700


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
        policy_file: YAML file with roles and rules; empty for the shipped roles alone.
        approval_seconds: For how many seconds a call waits for a person's yes; then it is denied.
        access_token_seconds: For how many seconds an access token of ours is good.
        rate_limits: Pairs of a glob of tool names and a limit, such as ``100/minute``, for tokens
            of ours and for people who do not own the server.
        owner_rate_limits: The same for the owner.
        max_running: How many calls of one principal run at once.
        max_waiting: How many more of them may wait for their turn.
        retry_attempts: How often a call that changes nothing is tried when it fails in passing.
        breaker_failures: After how many failures in a row a tool is left alone for a while.
        breaker_seconds: For how many seconds.
        redis_url: Redis for what several servers share; empty for this server alone.
        audit_days: For how many days the audit is kept; 0 for ever.
        audit_seconds: After how many seconds at most a record of the audit is on disk.
        audit_required: Whether writes are refused while the audit cannot be written.
        change_days: For how many days agents' changes can be looked at and undone; 0 for ever.
        secret_store: Where secrets lie: ``auto``, ``keyring`` or ``file``.
        sandbox_backends: Backends of sandboxes that may be used; the strongest is the default.
        sandbox_min_isolation: The weakest isolation that a sandbox may have.
        docker_url: Where the Docker engine or Podman answers; empty for Docker's own settings.
        sandbox_image: The image of sandboxes that ask for none.
        sandbox_images: Globs of the images that may be asked for.
        sandbox_memory: The most memory of a sandbox, such as ``2g``.
        sandbox_cpus: CPUs of a sandbox.
        sandbox_pids: Processes of a sandbox.
        sandbox_disk: The most that may lie in a sandbox's workspace, such as ``4g``.
        sandbox_seconds: After how many seconds a sandbox ends that nobody uses.
        sandbox_max_seconds: After how many seconds, pauses left out, it ends in any case.
        sandbox_limit: How many sandboxes one principal may have.
        sandbox_pool: How many sandboxes wait ready once the first was asked for.
        sandbox_domains: Globs of the domains that sandboxes with a network reach; empty for none.
        sandbox_mounts: Pairs of a name and ``folder:/path/inside[:rw]`` that sandboxes may ask for.
        sandbox_environment: Pairs of a variable and its value in every sandbox; may name secrets.
        git_credentials: Pairs of a host and what git logs in with there, as a secret's reference.
        file_bytes: The largest file that a tool reads or writes whole.
        search_folders: Pairs of a name and a folder that is indexed besides the root.
        search_exclude: Patterns of files that are not indexed.
        search_file_bytes: The largest file that is indexed.
        search_embedder: What finds meaning besides the static table.
        search_embedder_options: Pairs of an argument of that and its value.
        search_chroma_url: Where vectors lie; empty for the state folder.
        search_processes: Processes that cut files; 0 for one per CPU.
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
    policy_file: str = ""
    approval_seconds: float = 300.0
    access_token_seconds: float = 600.0
    rate_limits: tuple[tuple[str, str], ...] = (("*", "6000/minute"),)
    owner_rate_limits: tuple[tuple[str, str], ...] = ()
    max_running: int = 64
    max_waiting: int = 256
    retry_attempts: int = 3
    breaker_failures: int = 5
    breaker_seconds: float = 30.0
    redis_url: str = ""
    audit_days: float = 365.0
    audit_seconds: float = 0.5
    audit_required: bool = True
    change_days: float = 90.0
    secret_store: str = "auto"  # noqa: S105 - no password, a choice
    sandbox_backends: tuple[str, ...] = ("docker", "bubblewrap", "landlock", "process")
    sandbox_min_isolation: str = "landlock"
    docker_url: str = ""
    sandbox_image: str = "jupyter-mcp/dev"
    sandbox_images: tuple[str, ...] = ("jupyter-mcp/*",)
    sandbox_memory: str = "2g"
    sandbox_cpus: float = 1.0
    sandbox_pids: int = 256
    sandbox_disk: str = "4g"
    sandbox_seconds: float = 1800.0
    sandbox_max_seconds: float = 86_400.0
    sandbox_limit: int = 8
    sandbox_pool: int = 1
    sandbox_domains: tuple[str, ...] = ()
    sandbox_mounts: tuple[tuple[str, str], ...] = ()
    sandbox_environment: tuple[tuple[str, str], ...] = ()
    git_credentials: tuple[tuple[str, str], ...] = ()
    file_bytes: int = 10 * 1024 * 1024
    search_folders: tuple[tuple[str, str], ...] = ()
    search_exclude: tuple[str, ...] = ()
    search_file_bytes: int = 2 * 1024 * 1024
    search_embedder: str = "static"
    search_embedder_options: tuple[tuple[str, Any], ...] = ()
    search_chroma_url: str = ""
    search_processes: int = 0

    @property
    def secrets_folder(self) -> Path:
        """Where the account's secrets lie: the same for all its servers."""
        return Path(self.state_dir or Path(jupyter_data_dir()) / "jupyter_mcp") / "secrets"

    def state_folder(self, root: str) -> Path:
        """Return the private folder of a server with the root folder `root`, made if need be."""
        digest = hashlib.sha256(str(Path(root).resolve()).encode()).hexdigest()[:16]
        folder = Path(self.state_dir or Path(jupyter_data_dir()) / "jupyter_mcp") / digest
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        if stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:  # a read-only disk refuses any chmod
            folder.chmod(_PRIVATE)
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

    policy_file = Unicode(
        "", help="YAML file with roles and rules. Empty: the shipped roles, the owner as operator."
    ).tag(config=True)
    approval_seconds = Float(
        300.0, min=1.0, help="Seconds that a call waits for a person's approval; then it is denied."
    ).tag(config=True)
    access_token_seconds = Float(
        600.0, min=10.0, help="Seconds for which an access token is good; clients refresh it."
    ).tag(config=True)
    rate_limits = Dict(
        Unicode(),
        default_value={"*": "6000/minute"},
        help="Limits by glob of tool names, such as {'kernel_*': '100/minute'}, for each token and "
        "each person who does not own the server.",
    ).tag(config=True)
    owner_rate_limits = Dict(
        Unicode(), help="Such limits for the owner and the server's token. Default: none."
    ).tag(config=True)
    max_running = Integer(
        64, min=1, help="Calls of one principal that run at once; more wait for their turn."
    ).tag(config=True)
    max_waiting = Integer(
        256, min=0, help="Calls of one principal that may wait; more are refused."
    ).tag(config=True)
    retry_attempts = Integer(
        3, min=1, help="Tries of a call that can be repeated, when it fails in passing."
    ).tag(config=True)
    breaker_failures = Integer(
        5, min=1, help="Failures in a row after which a tool is left alone for a while."
    ).tag(config=True)
    breaker_seconds = Float(
        30.0, min=0.1, help="Seconds for which a tool that keeps failing is left alone."
    ).tag(config=True)
    redis_url = Unicode(
        "", help="Redis for limits and cached results that several servers share."
    ).tag(config=True)
    audit_days = Float(365.0, min=0.0, help="Days for which the audit is kept; 0 for ever.").tag(
        config=True
    )
    audit_seconds = Float(
        0.5, min=0.05, help="Seconds after which a record of the audit is on disk at the latest."
    ).tag(config=True)
    audit_required = Bool(
        default_value=True,
        help="Refuse edits and runs while the audit cannot be written, as on a full disk.",
    ).tag(config=True)
    change_days = Float(
        90.0, min=0.0, help="Days for which agents' changes can be undone; 0 for ever."
    ).tag(config=True)
    secret_store = Enum(
        ("auto", "keyring", "file"),
        "auto",
        help="Where secrets lie: the system's keyring, an encrypted file, or whichever works.",
    ).tag(config=True)

    sandbox_backends = List(
        Enum(("docker", "bubblewrap", "landlock", "process")),
        default_value=["docker", "bubblewrap", "landlock", "process"],
        help="Backends of sandboxes that may be used; the strongest that works is the default.",
    ).tag(config=True)
    sandbox_min_isolation = Enum(
        ("container", "bubblewrap", "landlock", "process"),
        "landlock",
        help="The weakest isolation of a sandbox. 'process' is none at all: only where all who may "
        "call are trusted with the server's account.",
    ).tag(config=True)
    docker_url = Unicode(
        "", help="URL of a Docker engine or of Podman's socket; empty for Docker's own settings."
    ).tag(config=True)
    sandbox_image = Unicode("jupyter-mcp/dev", help="Image of sandboxes that ask for none.").tag(
        config=True
    )
    sandbox_images = List(
        Unicode(), ["jupyter-mcp/*"], help="Globs of the images that may be asked for."
    ).tag(config=True)
    sandbox_memory = Unicode("2g", help="The most memory of a sandbox, such as 512m or 2g.").tag(
        config=True
    )
    sandbox_cpus = Float(1.0, min=0.1, help="CPUs of a sandbox.").tag(config=True)
    sandbox_pids = Integer(256, min=16, help="Processes and threads of a sandbox.").tag(config=True)
    sandbox_disk = Unicode("4g", help="The most that may lie in a sandbox's workspace.").tag(
        config=True
    )
    sandbox_seconds = Float(
        1800.0, min=1.0, help="Seconds after which a sandbox ends that nobody uses."
    ).tag(config=True)
    sandbox_max_seconds = Float(
        86_400.0,
        min=1.0,
        help="Seconds after which a sandbox ends in any case; pauses don't count.",
    ).tag(config=True)
    sandbox_limit = Integer(8, min=0, help="Sandboxes that one principal may have.").tag(
        config=True
    )
    sandbox_pool = Integer(
        1, min=0, help="Sandboxes that wait ready once the first was asked for."
    ).tag(config=True)
    sandbox_domains = List(
        Unicode(),
        help="Globs of the domains that sandboxes with a network may reach, such as pypi.org or "
        "*.pythonhosted.org; only one with a port, such as git.corp.example:443, or an address may "
        "lead into your own network. Empty: no sandbox has a network.",
    ).tag(config=True)
    sandbox_mounts = Dict(
        Unicode(),
        help="Folders that sandboxes may ask for by name, such as {'data': '/srv/data:/data'}; "
        "read-only unless ':rw' follows.",
    ).tag(config=True)
    sandbox_environment = Dict(
        Unicode(),
        help="Variables in every sandbox, such as {'API_KEY': '${secret:api}'}: whoever may use a "
        "sandbox can read them.",
    ).tag(config=True)
    git_credentials = Dict(
        Unicode(),
        help="What git logs in with, by host, such as {'github.com': '${secret:github}'}.",
    ).tag(config=True)
    file_bytes = Integer(
        10 * 1024 * 1024, min=1024, help="The largest file that a tool reads or writes whole."
    ).tag(config=True)

    search_folders = Dict(
        Unicode(),
        help="Folders that are indexed besides the root, by the name that their hits have in "
        "front, such as {'library': '/srv/code/library'}.",
    ).tag(config=True)
    search_exclude = List(
        Unicode(), help="Patterns, as in .gitignore, of files that are not indexed."
    ).tag(config=True)
    search_file_bytes = Integer(
        2 * 1024 * 1024, min=1024, help="The largest file that is indexed."
    ).tag(config=True)
    search_embedder = Unicode(
        "static",
        help="What search finds meaning with besides its own small table ('static'): "
        "'onnx:/path/of/a/model' for a sentence transformer on this machine, or 'chroma:NAME' for "
        "one of Chroma's embedding functions, such as chroma:ollama.",
    ).tag(config=True)
    search_embedder_options = Dict(
        help="Arguments of Chroma's embedding function, such as {'model_name': "
        "'nomic-embed-text'}; keys as '${secret:openai}'.",
    ).tag(config=True)
    search_chroma_url = Unicode(
        "", help="URL of a Chroma server for the vectors; empty for a folder of this server's own."
    ).tag(config=True)
    search_processes = Integer(
        0,
        min=0,
        help="Processes that cut files into pieces; 0 for as many as there are CPUs, to 4.",
    ).tag(config=True)

    def to_settings(self) -> Settings:
        """Return the traits' values as frozen settings."""
        return Settings(**{name: _frozen(getattr(self, name)) for name in Settings.__slots__})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
