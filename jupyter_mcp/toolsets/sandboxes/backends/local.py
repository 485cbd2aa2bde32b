"""What backends without an engine share: a folder for each sandbox, and keepers above programs.

Subclasses say what a program may do (`_policy`); here is where it lives, who else sees it, and
how all of it ends. A program never outlives its channel, a channel never the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner, Threads
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends import cgroups, processes
from jupyter_mcp.toolsets.sandboxes.backends.cgroups import Cgroups
from jupyter_mcp.toolsets.sandboxes.backends.interpreter import Interpreter, interpreter
from jupyter_mcp.toolsets.sandboxes.backends.kept import KeptChannel
from jupyter_mcp.toolsets.sandboxes.backends.records import Folders, Record
from jupyter_mcp.toolsets.sandboxes.backends.rlimits import rlimits
from jupyter_mcp.toolsets.sandboxes.backends.trees import size_of
from jupyter_mcp.toolsets.sandboxes.channel import ByteChannel
from jupyter_mcp.toolsets.sandboxes.spec import (
    Capabilities,
    Enforcement,
    SandboxSpec,
    Usage,
)

REMEMBER_SECONDS = 60.0
Words = list[str]
Numbers = list[int]
Handles = list[Handle]
INSIDE = ("workspace", "home", "tmp", "keepers")


class LocalBackend:
    """The common part of `Backend` for programs of this machine.

    Args:
        settings: The administrator's settings.
        state: The toolset's private folder; sandboxes lie in ``sandboxes/`` below it.
        threads: Threads for blocking work.
        tasks: The owner of background tasks.
    """

    name = ""

    def __init__(self, settings: Any, state: Path, threads: Threads, tasks: Spawner) -> None:
        self._settings = settings
        self._folders = Folders(state / "sandboxes")
        self._threads = threads
        self._tasks = tasks
        self._channels: dict[str, set[KeptChannel]] = {}
        self._python: Interpreter | None = None
        self._groups: Cgroups | None = None
        self._lock = asyncio.Lock()
        self._found: Capabilities | ToolError | None = None
        self._forget_at = 0.0

    async def probe(self) -> Capabilities:
        """Find out by trying what this backend can do here; remembered for a minute.

        Raises:
            ToolError: ``unavailable`` with what is missing.
        """
        async with self._lock:
            if self._found is None or time.monotonic() > self._forget_at:
                try:
                    self._found = await self._threads.run(self._tried)
                except ToolError as error:
                    self._found = error
                self._forget_at = time.monotonic() + REMEMBER_SECONDS
        if isinstance(self._found, ToolError):
            found = self._found
            raise ToolError(found.code, found.message, found.remedy)
        return self._found

    async def create(self, spec: SandboxSpec) -> Handle:
        """Make the folder of a sandbox."""
        await self.probe()
        await self._threads.run(self._add, Record(self.name, spec))
        return Handle(spec, spec.id)

    async def channel(self, handle: Handle, argv: Sequence[str]) -> ByteChannel:
        """Start `argv` below a keeper of its own."""
        await self.probe()
        policy = await self._threads.run(self._prepared, handle, list(argv))
        channel = await KeptChannel.start(policy, self._tasks)
        self._channels.setdefault(handle.ref, set()).add(channel)
        self._tasks.spawn(f"sandbox {handle.ref} channel", self._forget(handle.ref, channel))
        try:
            await self._threads.run(self._note_keeper, handle.ref, channel.pid)
        except BaseException:
            await channel.close()
            raise
        return channel

    async def claim(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Write down the owner of a member of the pool.

        Raises:
            ToolError: ``conflict`` when another server was first.
        """

        def change(record: Record) -> Record:
            if not record.spec.is_member:
                raise ToolError("conflict", "Another server has taken this sandbox.", "Try again.")
            return replace(record, spec=spec)

        if await self._threads.run(self._folders.change, handle.ref, change) is None:
            raise _gone(handle)
        return replace(handle, spec=spec)

    async def revive(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Do nothing: what lies in a folder is never lost."""
        return replace(handle, spec=spec, is_lost=False)

    async def pause(self, handle: Handle) -> Handle:
        """Stop all its processes."""
        try:
            await self._threads.run(self._freeze, handle)
        except TimeoutError:
            await self.resume(handle)
            what = f"The processes of sandbox {handle.ref} could not all be stopped."
            raise ToolError("busy", what, "Try again, or destroy it.") from None
        return replace(handle, is_paused=True)

    async def resume(self, handle: Handle) -> Handle:
        """Let them go on."""
        await self._threads.run(self._thaw, handle)
        return replace(handle, is_paused=False)

    async def usage(self, handle: Handle) -> Usage:
        """Count what its processes use, and what lies in its folders."""
        return await self._threads.run(self._usage, handle.ref)

    async def destroy(self, handle: Handle) -> None:
        """End its processes and remove its folder."""
        for channel in list(self._channels.get(handle.ref, ())):
            await channel.close()
        await self._threads.run(self._remove, handle.ref)

    async def list(self, namespace: str) -> Handles:
        """Return the sandboxes of a namespace that this backend made."""
        return await self._threads.run(self._listed, namespace)

    async def stop(self) -> None:
        """End what runs; the sandboxes stay."""
        for channel in [each for some in self._channels.values() for each in some]:
            await channel.close()

    def _tried(self) -> Capabilities:
        """Try what this backend can do; runs in a thread."""
        raise ToolError("unavailable", f"{self.name} is no backend by itself.")

    def _policy(self, handle: Handle, argv: Words) -> dict[str, Any]:
        """Return what the keeper starts and how (`keeper.py`); runs in a thread."""
        raise ToolError("unavailable", f"{self.name} starts nothing: {handle.ref}, {argv[0]}.")

    def _folder(self, ref: str, part: str = "") -> Path:
        return self._folders.of(ref) / part

    def _interpreter(self) -> Interpreter:
        if self._python is None:
            self._python = interpreter()
        return self._python

    def _environment(self, folders: Mapping[str, str], spec: SandboxSpec) -> dict[str, str]:
        """Return the variables of programs: none of the server's, and the limits told.

        git looks for a repository no further up than the folder ``ceiling``.

        ``/proc/meminfo`` and ``nproc`` show the whole machine inside.
        """
        cpus = str(max(1, math.ceil(spec.limits.cpus)))
        return {
            "PATH": self._interpreter().path,
            "HOME": folders["home"],
            "TMPDIR": folders["tmp"],
            "USER": "sandbox",
            "LOGNAME": "sandbox",
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": folders["ceiling"],
            "JUPYTER_MCP_SANDBOX": spec.id,
            "MEM_LIMIT": str(spec.limits.memory),
            "CPU_LIMIT": f"{spec.limits.cpus:g}",
            "PIDS_LIMIT": str(spec.limits.pids),
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOMAXPROCS"), cpus),
        }

    def _limits(self) -> tuple[dict[str, Enforcement], tuple[str, ...]]:
        """Return how limits hold here, and what there is to say about it."""
        self._groups = cgroups.find()
        held: dict[str, Enforcement] = {
            "memory": "per_process",
            "pids": "none",
            "cpu": "none",
            "nofile": "per_process",
            "disk": "polled",
        }
        held.update(dict.fromkeys(self._groups.parents, "enforced"))
        if len(self._groups.parents) == len(cgroups.CONTROLLERS):
            return held, ()
        missing = [each for each in cgroups.CONTROLLERS if each not in self._groups.parents]
        note = f"This account cannot make control groups for {', '.join(missing)} here."
        return held, (note,)

    def _group_of(self, ref: str, controller: str) -> Path | None:
        """Return the control group of a sandbox; None where there is none."""
        folders = self._groups.folders(_group_name(ref)) if self._groups else {}
        return folders.get(controller)

    def _add(self, record: Record) -> None:
        try:
            self._folders.add(record, INSIDE)
        except FileExistsError:
            what = f"There is a sandbox {record.spec.id} already."
            raise ToolError("conflict", what, "Use another identifier.") from None
        except OSError as error:
            what = f"The sandbox's folder cannot be made: {error.strerror}."
            raise ToolError("unavailable", what, "Make room in Jupyter's data folder.") from None

    def _prepared(self, handle: Handle, argv: Words) -> dict[str, Any]:
        record = self._folders.read(handle.ref)
        if record is None:
            raise _gone(handle)
        if self._folders.is_paused(handle.ref):
            what = f"Sandbox {handle.ref} is paused."
            raise ToolError("conflict", what, "Resume it with sandbox_resume.")
        if argv[0] == "python3":
            argv[0] = self._interpreter().program
        policy = self._policy(handle, argv)
        limits = handle.spec.limits
        groups = self._groups or Cgroups()
        policy["rlimits"] = rlimits(limits, with_memory="memory" not in groups.parents)
        policy["cgroups"] = groups.plan(_group_name(handle.ref), limits)
        return policy

    def _freeze(self, handle: Handle) -> None:
        if not self._folders.mark(handle.ref, is_paused=True):
            raise _gone(handle)
        processes.freeze(self._keepers(handle.ref))

    def _thaw(self, handle: Handle) -> None:
        if not self._folders.mark(handle.ref, is_paused=False):
            raise _gone(handle)
        processes.thaw(self._keepers(handle.ref))

    async def _forget(self, ref: str, channel: KeptChannel) -> None:
        """Keep a channel in mind while its keeper lives."""
        try:
            await channel.ended()
        finally:
            await channel.close()  # when the task was cancelled, nobody else would
            channels = self._channels.get(ref, set())
            channels.discard(channel)
            if not channels:
                self._channels.pop(ref, None)
            with contextlib.suppress(OSError):
                (self._folder(ref, "keepers") / str(channel.pid)).unlink(missing_ok=True)

    def _note_keeper(self, ref: str, pid: int) -> None:
        """Write down a keeper, so that other servers can end it too."""
        found = processes.process(pid)
        with contextlib.suppress(FileNotFoundError):  # destroyed meanwhile, or ended already
            if found is not None:
                (self._folder(ref, "keepers") / str(pid)).write_text(str(found.started), "ascii")

    def _keepers(self, ref: str) -> Numbers:
        """Return the keepers of a sandbox that live, of whatever server."""
        found = []
        with contextlib.suppress(OSError, ValueError):
            for note in self._folder(ref, "keepers").iterdir():
                now = processes.process(int(note.name))
                if now is not None and str(now.started) == note.read_text("ascii"):
                    found.append(now.pid)
        return found

    def _usage(self, ref: str) -> Usage:
        if not self._folder(ref).is_dir():
            return Usage()
        family = processes.descendants(self._keepers(ref))
        group = self._group_of(ref, "memory")
        held = cgroups.memory_of(group) if group else None
        return Usage(
            memory=sum(each.memory for each in family) if held is None else held,
            pids=len(family),
            cpu=sum(each.cpu for each in family),
            oom_kills=cgroups.oom_kills_of(group) if group else None,
            disk=sum(size_of(self._folder(ref, part)) for part in INSIDE[:3]),
        )

    def _remove(self, ref: str) -> None:
        folder = self._folder(ref)
        for _again in range(100):
            keepers = self._keepers(ref)
            family = processes.descendants(keepers) + processes.holders(folder)
            if not family and not keepers:
                break
            processes.kill(family)
            processes.end(keepers)
        groups = self._groups.folders(_group_name(ref)) if self._groups else {}
        cgroups.remove([each for each in groups.values() if each.exists()])
        self._folders.remove(ref)

    def _listed(self, namespace: str) -> Handles:
        return [
            Handle(record.spec, record.spec.id, self._folders.is_paused(record.spec.id))
            for record in self._folders.all()
            if record.backend == self.name and record.spec.namespace == namespace
        ]


def _group_name(ref: str) -> str:
    return f"jupyter-mcp-{ref}"


def _gone(handle: Handle) -> ToolError:
    what = f"Sandbox {handle.ref} is gone."
    return ToolError("not_found", what, "Make a new one with sandbox_create.")


def program_of_host(name: str, package: str) -> str:
    """Return the path of a program of this machine.

    Raises:
        ToolError: ``unavailable`` when it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        what = f"The program {name} is not installed."
        raise ToolError("unavailable", what, f"Install it: apt-get install {package}.")
    return found
