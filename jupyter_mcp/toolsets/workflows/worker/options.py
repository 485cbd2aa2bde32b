"""What a worker has to know; the server leaves it in a file that only its own account may read.

It may hold a database's password, so it is never an argument of a process, which everybody on the
machine can see.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security import private_file
from jupyter_mcp.security.worker_key import FILE as KEY_FILE
from jupyter_mcp.storage.home import home_of

FILE = "worker.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What a worker has to know.

    Args:
        state: The state folder of its server, or one of its own.
        database_url: The database of runs; empty for SQLite in the state folder.
        home: Whose runs it does, as `jupyter_mcp.storage.home`.
        server: The server's URL; empty for the one of the state folder on this machine.
        key_file: Where the key lies that is shown to the server; empty for the state folder's.
        secrets: The folder of the account's secrets.
        secret_store: Where they lie.
        idle_seconds: After how long a worker ends that has nothing to do.
        at_once: How many runs it has at once, besides those that wait or are paused.
        running: How many runs of one owner run at once, in all workers together.
        waiting: How many of them may be there that have not ended.
        rate: How many of them begin in a time, such as ``60/minute``; empty for any.
        places: Pairs of a resource class and how many nodes hold it at once.
        survives_power_loss: Whether each step is on the disk before the next one.
        smtp: URL of the mail server; may name secrets.
        mail_to: Globs of the addresses that mails go to, besides the sender's own.
        webhook_hosts: Globs of the hosts that notifications are sent to.
        audit_required: Whether none is sent while that cannot be recorded.
        beat_seconds: How often a worker on Postgres says that it lives.
        lease_seconds: After how long without that others take its runs.
        look_seconds: How often it looks whether records and the engine agree.
        rest_seconds: How often it looks into the queue while nothing goes on and its server can
            wake it.
        forget_seconds: How long after its end the engine forgets a run; its record stays.
    """

    state: str
    database_url: str = ""
    home: str = ""
    server: str = ""
    key_file: str = ""
    secrets: str = ""
    secret_store: str = "auto"  # noqa: S105 - no password, a choice
    idle_seconds: float = 600.0
    at_once: int = 1000
    running: int = 20
    waiting: int = 1_000
    rate: str = ""
    places: tuple[tuple[str, int], ...] = ()
    survives_power_loss: bool = False
    smtp: str = ""
    mail_to: tuple[str, ...] = ()
    webhook_hosts: tuple[str, ...] = ()
    audit_required: bool = True
    beat_seconds: float = 5.0
    lease_seconds: float = 15.0
    look_seconds: float = 3.0
    rest_seconds: float = 1.0
    forget_seconds: float = 60.0

    @classmethod
    def of(cls, settings: Any, state: Path) -> Self:
        """Return the options of the worker of a server.

        Args:
            settings: The administrator's settings (`jupyter_mcp.config.Settings`).
            state: The server's state folder.
        """
        return cls(
            state=str(state),
            database_url=settings.database_url,
            home=home_of(state, settings.database_url),
            secrets=str(settings.secrets_folder),
            secret_store=settings.secret_store,
            idle_seconds=settings.workflow_idle_minutes * 60,
            running=settings.workflow_running,
            waiting=settings.workflow_waiting,
            rate=settings.workflow_rate,
            places=settings.workflow_places,
            survives_power_loss=settings.workflow_survives_power_loss,
            smtp=settings.workflow_smtp,
            mail_to=settings.workflow_mail_to,
            webhook_hosts=settings.workflow_webhook_hosts,
            audit_required=settings.audit_required,
        )

    @classmethod
    def read(cls, state: Path) -> Self | None:
        """Return what a server left in its state folder; None where it left nothing."""
        try:
            kept = json.loads((state / FILE).read_bytes())
            known = {field.name for field in fields(cls)}
            told = {name: _frozen(value) for name, value in kept.items() if name in known}
            return cls(**{**told, "state": str(state)})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, AttributeError):
            raise ToolError(
                "unavailable", f"{FILE} in the state folder is damaged.", "Remove it."
            ) from None

    def after(self, earlier: Self | None) -> Self:
        """Return them with the place that an earlier start on another host was told."""
        if earlier is None:
            return self
        names = ("database_url", "home", "server", "key_file")
        return replace(self, **{name: getattr(earlier, name) for name in names})

    def write(self) -> None:
        """Leave them in the state folder, unless they are there already."""
        text = json.dumps(asdict(self)).encode()
        file = self.folder / FILE
        if not file.exists() or file.read_bytes() != text:
            private_file.replace(file, text)

    def but(self, **changed: Any) -> Self:
        """Return them with some changed; what is empty or None changes nothing."""
        return replace(self, **{name: value for name, value in changed.items() if value})

    @property
    def folder(self) -> Path:
        """The state folder."""
        return Path(self.state)

    @property
    def key(self) -> Path:
        """The file with the key that is shown to the server."""
        return Path(self.key_file) if self.key_file else self.folder / KEY_FILE

    @property
    def is_distributed(self) -> bool:
        """Whether several workers may share the database."""
        return self.database_url.startswith("postgresql")


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
