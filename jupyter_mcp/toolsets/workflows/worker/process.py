"""The worker's process as the server sees it: started when there is work, found, and stopped.

It is started so that it outlives the server, and belongs to nobody: a session of its own, no
terminal, and an environment without what Jupyter or its Hub are opened with.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.worker_key import WorkerKey
from jupyter_mcp.toolsets.workflows.worker.bell import Bell
from jupyter_mcp.toolsets.workflows.worker.failure import Failure
from jupyter_mcp.toolsets.workflows.worker.lock import Holder, Lock
from jupyter_mcp.toolsets.workflows.worker.options import Options
from jupyter_mcp.toolsets.workflows.worker.versions import own_version

_log = logging.getLogger(__name__)

LOG = "worker.log"
LOG_BYTES = 1 << 20
MODE = 0o600

STOPPING_SECONDS = 5.0
"""For how long a worker may still write what was told before it is killed."""

STARTING_SECONDS = 15.0
"""For how long a worker that was started is waited for before another one is."""

AGAIN_SECONDS = 15.0
"""After how long another worker is started where the last one has failed."""

KEPT = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP"),
        *("TMP", "VIRTUAL_ENV", "SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA"),
        *("USERPROFILE", "COMSPEC", "PATHEXT", "WINDIR", "DBUS_SESSION_BUS_ADDRESS", "IPYTHONDIR"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_PATH"),
        *("JUPYTER_CONFIG_PATH", "JUPYTER_PREFER_ENV_PATH", "JUPYTER_PLATFORM_DIRS"),
    }
)
"""What of the server's environment a worker gets: an environment may hold anybody's tokens."""

KEPT_PREFIXES = ("LC_", "XDG_", "PYTHON", "CONDA_", "LD_", "DYLD_", "SSL_CERT_", "PG", "COVERAGE")

ARENAS = "2"
"""Of glibc's allocator: with one for each of DBOS' threads a worker has 5 MiB more (measured)."""

_LEAVE = """
import os, sys
os.setsid()
if os.fork():
    os._exit(0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Leaves the server: the worker is nobody's child, so that nobody has to wait for its end."""


@dataclass(frozen=True, slots=True)
class Found:
    """A worker that runs.

    Args:
        pid: Its process; 0 when it just begins.
        since: Unix time of its start.
        executor: Its identifier in the engine.
        version: The version of the package that it runs; empty when it does not say.
    """

    pid: int
    since: float
    executor: str
    version: str = ""


class WorkerProcess:
    """The worker of a state folder.

    Args:
        options: What it has to know.
        version: The version of the package that this server runs; the installed one by default.
    """

    def __init__(self, options: Options, version: str = "") -> None:
        self._version = version or own_version()
        self.is_distributed = options.is_distributed
        self._options = options
        self._lock = Lock(options.folder)
        self._bell = Bell(options.folder)
        self._begun = 0.0
        self._since = time.time()
        self._starting = asyncio.Lock()

    async def ensure(self) -> None:
        """Start a worker unless there is one; it takes what is in the queue within 2.5 s.

        One that a server of an older version started is ended first; its runs go on with the new.
        It returns before that. Call it after a run was enqueued: a worker that leaves looks once
        more before it goes.

        Raises:
            ToolError: ``unavailable`` when none can be started, or the last one has failed; another
                is started then after a while.
        """
        async with self._starting:
            await asyncio.to_thread(self._ensure)

    async def tell(self) -> None:
        """Leave what a worker has to know, for one that somebody else starts."""
        self._bell.ring()
        await asyncio.to_thread(self._tell)

    async def find(self) -> Found | None:
        """Return the worker that runs here; None when there is none."""
        return await asyncio.to_thread(self.found)

    async def stop(self, seconds: float = STOPPING_SECONDS) -> bool:
        """End the worker; its runs go on at the next start. Return whether there was one."""
        return await asyncio.to_thread(self._stop, seconds)

    def found(self) -> Found | None:
        """Return the worker that runs here."""
        holder = self._lock.holder()
        if holder is None:
            return None
        return Found(holder.pid, holder.started, holder.executor, holder.version)

    def _tell(self) -> None:
        self._options.write()
        WorkerKey(self._options.folder).prepare()

    def _ensure(self) -> None:
        self._bell.ring()
        self._tell()  # also where one runs: another may be started by hand later
        if self._lock.holder() is not None and not self._is_replaced():
            self._begun = 0.0
            return
        failed = Failure.read(self._options.folder, self._since)
        last = max(self._begun, failed.at if failed else 0.0)
        is_late = time.time() - last >= (AGAIN_SECONDS if failed else STARTING_SECONDS)
        is_missed = bool(self._begun) and is_late and not self._has_gone()
        if is_late or (failed is None and self._has_gone()):
            begun = time.time()
            Failure.clear(self._options.folder)
            start(self._options.folder, self._version)
            self._begun = begun
        if failed is not None:
            raise failed.told()
        if is_missed:
            raise Failure(last, "it did not begin.").told()

    def _is_replaced(self) -> bool:
        """End a worker of an older version; return whether there is none any more."""
        holder = self._lock.holder()
        if holder is None or not holder.is_outdated(self._version):
            return holder is None
        old, new = holder.version, self._version
        _log.info("The worker of version %s is ended: this server has %s.", old, new)
        self._end(holder, STOPPING_SECONDS)
        return self._lock.holder() is None

    def _has_gone(self) -> bool:
        """Return whether the worker that was begun last had the lock, and has it no more."""
        last = self._lock.last()
        return last is not None and last.started >= self._begun

    def _stop(self, seconds: float) -> bool:
        holder = self._lock.holder()
        return holder is not None and bool(holder.pid) and self._end(holder, seconds)

    def _end(self, holder: Holder, seconds: float) -> bool:
        self._begun = 0.0
        for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder.pid, number)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                now = self._lock.holder()
                if now is None or now.executor != holder.executor:
                    return True
                time.sleep(0.02)
        return False


def start(state: Path, starter: str = "") -> None:
    """Start a worker that reads its options in a state folder.

    Args:
        state: The folder.
        starter: The version of the server that starts it.

    Raises:
        ToolError: ``unavailable`` when there is no such process to be had.
    """
    command = [sys.executable, "-P", "-m", "jupyter_mcp.commands", "worker", "--state", str(state)]
    command += [f"--starter={starter}"] if starter else []
    try:
        with _log_file(state) as log:
            _leave(command, state, log)
    except (OSError, subprocess.SubprocessError) as error:
        what = f"The worker cannot be started: {type(error).__name__}."
        raise ToolError("unavailable", what, "Start it: jupyter mcp worker.") from error


def environment(whole: Mapping[str, str]) -> dict[str, str]:
    """Return what a worker gets of an environment."""
    kept = {
        name: value
        for name, value in whole.items()
        if name in KEPT or name.startswith(KEPT_PREFIXES)
    }
    return {"MALLOC_ARENA_MAX": ARENAS, **kept}


def _leave(command: list[str], folder: Path, log: int) -> None:
    around: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": log,
        "stderr": log,
        "cwd": folder,
        "env": environment(os.environ),
    }
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        subprocess.Popen(command, creationflags=flags, **around)  # noqa: S603 - as below
        return
    leave = [sys.executable, "-I", "-S", "-c", _LEAVE, *command]
    subprocess.run(leave, check=True, timeout=STARTING_SECONDS, **around)  # noqa: S603 - our own program


@contextlib.contextmanager
def _log_file(state: Path) -> Iterator[int]:
    file = state / LOG
    with contextlib.suppress(OSError):
        if file.stat().st_size > LOG_BYTES:
            file.replace(file.with_name(f"{LOG}.1"))
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
