"""The one owner of the database connection.

SQLAlchemy and Alembic are imported when the first statement runs, in the storage's own thread: a
server that nobody asks for history or jobs never pays for them. One thread also means one writer,
which is what SQLite wants.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from jupyter_mcp.storage.changes import Changes
from jupyter_mcp.storage.faults import opening
from jupyter_mcp.storage.glance import VERSION_TABLE, is_empty
from jupyter_mcp.storage.journals import set_journal
from jupyter_mcp.storage.locks import lock

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

R = TypeVar("R")

NETWORK_FILE_SYSTEMS = frozenset(
    {"9p", "cifs", "fuse.sshfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"},
)
"""Where SQLite's write-ahead log is not safe (https://sqlite.org/wal.html, "Disadvantages")."""

MIGRATIONS = Path(__file__).parent / "migrations"

THAW_SECONDS = 2.0
"""After how long a database that could only be read is opened anew, to be written if it can."""

CONNECT_SECONDS = 5
"""After how long a database that does not answer, or that others keep locked, is given up."""


class Storage:
    """A database that is opened, and migrated, at first use.

    Args:
        folder: The state folder, where SQLite's file lies.
        url: SQLAlchemy URL of another database; empty for SQLite.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self.url = url or f"sqlite:///{folder / 'workbench.db'}"
        self.opened = asyncio.Event()
        """Set once a statement has run, so that upkeep begins when there is something to keep."""
        self._folder = folder
        self._own_file = None if url else folder / "workbench.db"
        self.changes = Changes(self._own_file)
        """Tells for little whether it is worth to look again."""
        self._engine: Engine | None = None
        self._is_frozen, self._thaw = False, 0.0
        self._is_stopped = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jupyter-mcp-storage")

    async def run(self, work: Callable[[Connection], R]) -> R:
        """Run `work` with a connection, in a transaction, on the storage's thread.

        The transaction is rolled back when `work` raises, and the error is passed on.

        Raises:
            ToolError: ``unavailable`` when the database cannot be opened.
        """
        done: R = await self.aside(self._run, work)
        self.opened.set()
        return done

    async def read(self, work: Callable[[Connection], R], nothing: R, *tables: str) -> R:
        """Run `work`, which looks what there is; where there is no database, return `nothing`.

        A server that nobody has asked to decide or to do anything then makes no database and does
        not import SQLAlchemy, which costs 13 MiB and 0.1 s.

        Args:
            work: What to run.
            nothing: What it would return if there were nothing.
            tables: All tables that it looks into, where `nothing` is also right as long as they
                are empty; none where it has to be run.

        Raises:
            ToolError: ``unavailable`` when the database cannot be opened.
        """
        return nothing if await self.aside(self._has_nothing, tables) else await self.run(work)

    async def aside(self, work: Callable[..., R], *arguments: Any) -> R:
        """Run `work` on the storage's thread without a connection."""
        loop = asyncio.get_running_loop()
        try:
            begun = loop.run_in_executor(self._thread, work, *arguments)
        except RuntimeError:  # the interpreter ends and has taken the thread
            if self._is_stopped:
                raise
            return work(*arguments)
        done: R = await begun
        return done

    def stop(self) -> None:
        """Finish what was handed in, close the connections and end the thread."""
        self._is_stopped = True
        self.changes.close()
        try:
            self._thread.submit(self._close).result()
        except RuntimeError:  # as in `aside`
            self._close()
        self._thread.shutdown(wait=True)

    def _run(self, work: Callable[[Connection], R]) -> R:
        if self._is_frozen and time.monotonic() > self._thaw:
            self._close()
        if self._engine is None:
            with opening(self.url):
                self._engine = self._open()
        with self._engine.begin() as connection:
            return work(connection)

    def _has_nothing(self, tables: Sequence[str]) -> bool:
        """Tell whether there is no database, or nothing in `tables`, if it is not open yet."""
        if self._engine is not None or self._own_file is None:
            return False
        try:
            self._own_file.stat()
        except FileNotFoundError:
            return True
        except OSError:  # it may be there: opening it says what is wrong
            return False
        return bool(tables) and is_empty(self._own_file, newest(), tables)

    def _open(self) -> Engine:
        """Open the database; one on a read-only disk to be read, so that reading goes on."""
        from sqlalchemy.exc import OperationalError

        try:
            return self._open_at(self.url)
        except OperationalError:
            frozen = frozen_url(self.url)
            if not frozen:
                raise
            engine = self._open_at(frozen)
            self._is_frozen, self._thaw = True, time.monotonic() + THAW_SECONDS
            return engine

    def _open_at(self, url: str) -> Engine:
        from sqlalchemy import create_engine, event, make_url

        if "uri=true" in url:
            engine = create_engine(url)
        elif make_url(url).get_backend_name() == "sqlite":
            engine = create_engine(url)
            journal: Literal["WAL", "DELETE"]
            journal = "DELETE" if file_system(self._folder) in NETWORK_FILE_SYSTEMS else "WAL"
            event.listen(engine, "connect", _sqlite_pragmas(journal))
        else:
            patience = {"connect_timeout": CONNECT_SECONDS}
            engine = create_engine(url, pool_pre_ping=True, connect_args=patience)
        try:
            with engine.begin() as connection:
                migrate(connection)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
            self._is_frozen = False


def frozen_url(url: str) -> str:
    """Return the URL that opens a SQLite database on a read-only disk; empty where there is none.

    There SQLite cannot make the shared memory of its write-ahead log, so that it has to be told
    that nobody writes (https://sqlite.org/wal.html, "Read-Only Databases").
    """
    from sqlalchemy import make_url

    parsed = make_url(url)
    file = Path(parsed.database or "")
    if parsed.get_backend_name() != "sqlite" or not file.is_file():
        return ""
    if not hasattr(os, "statvfs") or not os.statvfs(file).f_flag & os.ST_RDONLY:
        return ""
    still = "" if Path(f"{file}-wal").exists() else "&immutable=1"
    return f"sqlite:///file:{quote(str(file.resolve()))}?mode=ro{still}&uri=true"


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the database to the newest schema, or to another revision, all of it or nothing.

    Whoever opens the same database at the same time waits until it is done. A database that is
    new, or as new as the code, needs no Alembic, whose import costs 10 MiB and 0.2 s.
    """
    if revision == "head" and _is_current(connection):
        return
    lock(connection, "schema")
    if revision == "head" and _is_empty(connection):
        _create(connection)
    else:
        _upgrade(connection, revision)


def newest() -> str:
    """Return the newest revision, from the names of the migrations."""
    return max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _is_current(connection: Connection) -> bool:
    """Tell without taking a lock, so that a read-only database can be opened and read."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
    return found.scalars().all() == [newest()]


def _is_empty(connection: Connection) -> bool:
    """Tell, under the lock, whether nobody has made a table of ours."""
    from sqlalchemy import inspect

    from jupyter_mcp.storage.tables import metadata

    return not {VERSION_TABLE, *metadata.tables} & set(inspect(connection).get_table_names())


def _create(connection: Connection) -> None:
    """Make the tables as the code has them: a test compares them with the migrations."""
    from sqlalchemy import Column, MetaData, String, Table

    from jupyter_mcp.storage.tables import metadata

    metadata.create_all(connection)
    version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))
    version.create(connection)
    connection.execute(version.insert().values(version_num=newest()))


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def file_system(folder: Path, mounts: str = "/proc/mounts") -> str:
    """Return the type of the file system that `folder` lies on; empty where it cannot be told."""
    try:
        lines = Path(mounts).read_text().splitlines()
    except OSError:
        return ""
    place, kind = "", ""
    for _device, mount, mounted, *_ in (line.split() for line in lines):
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(place):
            place, kind = mount, mounted
    return kind


def _sqlite_pragmas(journal: Literal["WAL", "DELETE"]) -> Callable[[Any, Any], None]:
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={CONNECT_SECONDS * 1000}")
        set_journal(connection, journal, CONNECT_SECONDS)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    return set_pragmas
