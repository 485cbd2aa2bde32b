"""The settings as everybody inside has them, and where their server's state lies."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir

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
        search_most_files: The most files that are indexed of one folder.
        search_embedder: What finds meaning besides the static table.
        search_embedder_options: Pairs of an argument of that and its value.
        search_chroma_url: Where vectors lie; empty for the state folder.
        search_processes: Processes that cut files; 0 for one per CPU.
        workflow_running: How many workflows of one principal run at once.
        workflow_waiting: How many of them may be there that have not ended.
        workflow_rate: How many of them begin in a time, such as ``60/minute``; empty for any.
        workflow_places: Pairs of a resource class and how many nodes hold it at once in a worker.
        workflow_days: For how many days workflows are kept after their end; 0 for ever.
        workflow_idle_minutes: After how many minutes a worker ends that has nothing to do.
        workflow_local_worker: Whether the server starts a worker itself.
        workflow_survives_power_loss: Whether each step is on the disk before the next one.
        workflow_smtp: URL of the mail server for notifications; empty for none.
        workflow_mail_to: Globs of the addresses that mails go to, besides the sender's own.
        workflow_webhook_hosts: Globs of the hosts that notifications are sent to.
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
    search_most_files: int = 200_000
    search_embedder: str = "static"
    search_embedder_options: tuple[tuple[str, Any], ...] = ()
    search_chroma_url: str = ""
    search_processes: int = 0
    workflow_running: int = 20
    workflow_waiting: int = 1_000
    workflow_rate: str = ""
    workflow_places: tuple[tuple[str, int], ...] = ()
    workflow_days: float = 30.0
    workflow_idle_minutes: float = 10.0
    workflow_local_worker: bool = True
    workflow_survives_power_loss: bool = False
    workflow_smtp: str = ""
    workflow_mail_to: tuple[str, ...] = ()
    workflow_webhook_hosts: tuple[str, ...] = ()

    @property
    def secrets_folder(self) -> Path:
        """Where the account's secrets lie: the same for all its servers."""
        return Path(self.state_dir or Path(jupyter_data_dir()) / "jupyter_mcp") / "secrets"

    def state_place(self, root: str) -> Path:
        """Return where that folder is or will be."""
        return Path(self.state_dir or Path(jupyter_data_dir()) / "jupyter_mcp") / state_name(root)

    def state_folder(self, root: str) -> Path:
        """Return the private folder of a server with the root folder `root`, made if need be."""
        folder = self.state_place(root)
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        if stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:  # a read-only disk refuses any chmod
            folder.chmod(_PRIVATE)
        return folder


def state_name(root: str) -> str:
    """Return what the state folder of a server with the root folder `root` is called."""
    return hashlib.sha256(str(Path(root).resolve()).encode()).hexdigest()[:16]
