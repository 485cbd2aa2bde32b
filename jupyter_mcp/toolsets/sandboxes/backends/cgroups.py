"""Limits for a whole sandbox, where this account may make control groups (version 1 or 2).

Whether it may is found out by doing it: a group is made, its limits are set and a process is put
into it. A sandbox's group is made by its program and removed by its keeper, so that none outlives a
server. In a container or in a plain login shell it mostly fails; then limits hold for each process
by itself, and the capabilities say so.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_mcp.toolsets.sandboxes.spec import Limits

CONTROLLERS = ("memory", "pids", "cpu")
PERIOD = 100_000
SWAP = "memory.swap.max"
"""Not there in a kernel that does not count swap."""
REMOVE_SECONDS = 3.0
Plan = dict[str, dict[str, str]]
"""Folders of a group, and what is written into files there."""


@dataclass(frozen=True, slots=True)
class Cgroups:
    """Where groups can be made.

    Args:
        parents: The folder for each controller that can be used; the same one for all in version 2.
    """

    parents: dict[str, Path] = field(default_factory=dict)

    def folders(self, name: str) -> dict[str, Path]:
        """Return the folder of a group for each controller."""
        return {controller: parent / name for controller, parent in self.parents.items()}

    def plan(self, name: str, limits: Limits) -> Plan:
        """Return the folders of a group, and what is written into the files of each."""
        plan: Plan = {}
        for controller, folder in self.folders(name).items():
            plan.setdefault(str(folder), {}).update(_values(controller, limits, folder.parent))
        return plan


def find() -> Cgroups:
    """Return where groups can be made; nowhere, mostly."""
    found: dict[str, Path] = {}
    for controller in CONTROLLERS:
        for parent in _candidates(controller):
            if _works(Cgroups({controller: parent})):
                found[controller] = parent
                break
    return Cgroups(found)


def remove(folders: list[Path]) -> None:
    """Kill what is in a group and remove it; one that is gone is no error."""
    end = time.monotonic() + REMOVE_SECONDS
    left = list(folders)
    while left and time.monotonic() < end:
        for folder in left:
            for pid in members(folder):
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)
            with contextlib.suppress(OSError):
                folder.rmdir()
        left = [folder for folder in left if folder.exists()]
        if left:
            time.sleep(0.005)  # a group can go once its last process is reaped


def members(folder: Path) -> list[int]:
    """Return the processes in a group."""
    try:
        return [int(word) for word in (folder / "cgroup.procs").read_text("ascii").split()]
    except OSError:
        return []


def memory_of(folder: Path) -> int | None:
    """Return the bytes that a group uses; None where that is not counted."""
    return _number(folder, "memory.current", "memory.usage_in_bytes")


def oom_kills_of(folder: Path) -> int | None:
    """Return how often a process of a group was killed for want of memory."""
    for name in ("memory.events", "memory.oom_control"):
        with contextlib.suppress(OSError, ValueError):
            for line in (folder / name).read_text("ascii").splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return None


def _number(folder: Path, *names: str) -> int | None:
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            return int((folder / name).read_text("ascii"))
    return None


def _values(controller: str, limits: Limits, parent: Path) -> Iterator[tuple[str, str]]:
    is_second = (parent / "cgroup.controllers").exists()
    quota = str(int(limits.cpus * PERIOD))
    if controller == "pids":
        yield "pids.max", str(limits.pids)
    elif controller == "memory" and is_second:
        yield from (("memory.max", str(limits.memory)), (SWAP, "0"))
    elif controller == "memory":
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            if (parent / name).exists():
                yield name, str(limits.memory)
    elif is_second:
        yield "cpu.max", f"{quota} {PERIOD}"
    else:
        yield from (("cpu.cfs_period_us", str(PERIOD)), ("cpu.cfs_quota_us", quota))


def _candidates(controller: str) -> Iterator[Path]:
    """Yield folders in which a group could be made: our own, and for version 2 the one above it."""
    own = _own_groups()
    mounts = _mounts()
    if controller in own and controller in mounts:
        folder = mounts[controller] / own[controller].lstrip("/")
        yield folder if folder.is_dir() else mounts[controller]
    elif "" in own and "" in mounts:
        folder = mounts[""] / own[""].lstrip("/")
        folder = folder if folder.is_dir() else mounts[""]
        for each in (folder, folder.parent):
            with contextlib.suppress(OSError):
                if controller in (each / "cgroup.subtree_control").read_text("ascii").split():
                    yield each


def _own_groups() -> dict[str, str]:
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
            _hierarchy, controllers, path = line.split(":", 2)
            found.update(dict.fromkeys(controllers.split(","), path))
    return found


def _mounts() -> dict[str, Path]:
    """Return where each controller of version 1 is mounted, and version 2 under the empty name."""
    found: dict[str, Path] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
            _what, where, kind, options = line.split()[:4]
            if kind == "cgroup2":
                found[""] = Path(where)
            elif kind == "cgroup":
                found.update(dict.fromkeys(options.split(","), Path(where)))
    return found


def _works(groups: Cgroups) -> bool:
    """Return whether a process can be put into a group with limits."""
    plan = groups.plan(f"jupyter-mcp-try-{secrets.token_hex(6)}", Limits())
    try:
        for folder, files in plan.items():
            Path(folder).mkdir()
            for name, value in files.items():
                if name != SWAP or Path(folder, name).exists():
                    Path(folder, name).write_text(value, "ascii")
        return all(_takes(Path(folder)) for folder in plan)
    except OSError:
        return False
    finally:
        remove([Path(folder) for folder in plan])


def _takes(folder: Path) -> bool:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as cat:
        try:
            (folder / "cgroup.procs").write_text(str(cat.pid), "ascii")
            return cat.pid in members(folder)
        finally:
            cat.kill()
