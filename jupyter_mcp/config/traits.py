"""The settings as Jupyter reads them, from its files and its command line."""

from __future__ import annotations

from typing import Any

from traitlets import (
    Bool,
    Bunch,
    Dict,
    Enum,
    Float,
    HasTraits,
    Integer,
    List,
    TraitError,
    Unicode,
    validate,
)

from jupyter_mcp.config.settings import Settings
from jupyter_mcp.rates import rate_of


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
    search_most_files = Integer(
        200_000,
        min=1,
        help="The most files that are indexed of one folder: those that come first in it. The rest "
        "is not looked at, and index_status says so.",
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

    workflow_running = Integer(
        20,
        min=1,
        help="Workflows of one principal that run at once; those that wait for a person or are "
        "paused do not count.",
    ).tag(config=True)
    workflow_waiting = Integer(
        1_000, min=1, help="Workflows of one principal that may be there and have not ended."
    ).tag(config=True)
    workflow_rate = Unicode(
        "",
        help="How many workflows of one principal begin in a time, such as '60/minute'; the rest "
        "waits. Empty for any.",
    ).tag(config=True)
    workflow_places = Dict(
        Integer(min=1),
        help="How many nodes of a resource class run at once in a worker, such as {'kernels': 2}; "
        "the classes are nodes, cpu, memory, kernels, sandboxes and whatever specs name.",
    ).tag(config=True)
    workflow_days = Float(
        30.0, min=0.0, help="Days for which workflows are kept after their end; 0 for ever."
    ).tag(config=True)
    workflow_idle_minutes = Float(
        10.0, min=0.1, help="Minutes after which a worker ends that has nothing to do."
    ).tag(config=True)
    workflow_local_worker = Bool(
        default_value=True,
        help="Start a worker when there is work. Without it workflows wait for one that somebody "
        "else starts with 'jupyter mcp worker', here or on another host.",
    ).tag(config=True)
    workflow_survives_power_loss = Bool(
        default_value=False,
        help="Have each step of a workflow on the disk before the next one begins. Without it a "
        "killed process loses nothing either, but a loss of power may take the last steps.",
    ).tag(config=True)
    workflow_smtp = Unicode(
        "",
        help="Mail server for notifications, such as "
        "'smtps://me:${secret:mail}@smtp.example.org/?from=me@example.org'; empty for none.",
    ).tag(config=True)
    workflow_mail_to = List(
        Unicode(),
        help="Globs of the addresses that workflows may send mails to, such as '*@example.org', "
        "besides the sender's own.",
    ).tag(config=True)
    workflow_webhook_hosts = List(
        Unicode(),
        help="Globs of the hosts that workflows may send notifications to, such as "
        "'hooks.example.org'; none by default.",
    ).tag(config=True)

    @validate("workflow_rate")
    def _is_rate(self, proposal: Bunch) -> str:
        text = str(proposal.value)
        try:
            rate_of(text)
        except ValueError as error:
            told = f"JupyterMCP.workflow_rate cannot be {text[:80]!r}. {error}"
            raise TraitError(told) from None
        return text

    def to_settings(self) -> Settings:
        """Return the traits' values as frozen settings."""
        return Settings(**{name: _frozen(getattr(self, name)) for name in Settings.__slots__})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
