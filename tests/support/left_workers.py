"""Workers of workflows outlive their servers, in tests too unless somebody ends them."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil


def workers(home: Path) -> list[int]:
    """Return the processes of the workers of the servers below a folder."""
    found = []
    for file in home.rglob("worker.lock"):
        with suppress(ValueError, OSError, psutil.Error):
            pid = int(json.loads(file.read_bytes())["pid"])
            if psutil.pid_exists(pid) and "worker" in psutil.Process(pid).cmdline():
                found.append(pid)
    return found


def end_workers(home: Path) -> None:
    """Kill the workers of the servers below a folder."""
    for pid in workers(home):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with suppress(psutil.Error):
            psutil.Process(pid).wait(10)
