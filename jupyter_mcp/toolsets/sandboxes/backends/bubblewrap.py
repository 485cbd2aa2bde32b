"""Processes in namespaces of their own: files, users, processes, network, IPC, host name.

bubblewrap builds the view: the system's programs read-only, an ``/etc`` of our making, ``/tmp`` and
the home folder in memory with a size, the workspace, and nothing else. The kernel is the host's,
behind a filter of system calls. Inside containers it mostly does not work, which the probe finds.
"""

from __future__ import annotations

import base64
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends import seccomp
from jupyter_mcp.toolsets.sandboxes.backends.kept import run_kept
from jupyter_mcp.toolsets.sandboxes.backends.local import LocalBackend, program_of_host
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities, Isolation, Limits

USER = "1000"
HOME = "/home/sandbox"
WORKSPACE = "/workspace"
OLDEST = (0, 7)
PROGRAM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates"),
    *("/etc/pki/tls/certs", "/etc/mime.types", "/etc/fonts", "/etc/terminfo"),
)
MADE = {
    "/etc/passwd": f"root:x:0:0::/:/bin/sh\nsandbox:x:{USER}:{USER}::{HOME}:/bin/sh\n",
    "/etc/group": f"root:x:0:\nsandbox:x:{USER}:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
ISOLATED = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--uid", USER, "--gid", USER, "--hostname", "sandbox", "--clearenv"),
)
SHARED_MEMORY = 16 * 1024 * 1024
NAMESPACED_COUNTS = (5, 14)
"""Since this Linux RLIMIT_NPROC counts the processes of a user namespace by itself."""


class BubblewrapBackend(LocalBackend):
    """Sandboxes that bubblewrap puts into namespaces."""

    name = "bubblewrap"

    def _tried(self) -> Capabilities:
        program = bubblewrap()
        version = _version(program)
        limits, notes = self._limits()
        if limits["pids"] == "none" and self._counts_inside():
            limits["pids"] = "enforced"
        self._try(program)
        if seccomp.program() is None:
            notes += (f"System calls are not filtered on {platform.machine()}.",)
        return Capabilities(
            backend=self.name,
            isolation=Isolation.BUBBLEWRAP,
            limits=limits,
            has_network_namespace=True,
            can_pause=True,
            has_images=False,
            version=f"bubblewrap {version}, Linux {platform.release()}",
            notes=("The kernel and the programs below /usr are this machine's.", *notes),
        )

    def _try(self, program: str) -> None:
        """Start a Python as a sandbox would."""
        python = self._interpreter().program
        argv = [*self._arguments(program, Limits()), "--", python, "-I", "-S", "-c", "0"]
        said = run_kept({"argv": argv, "cwd": "/", "env": {}, **self._extras(Limits())})
        if said:
            what = f"bubblewrap does not work here: {said}"
            remedy = (
                "It needs unprivileged user namespaces, which containers mostly have not: use "
                "Docker, or isolation='landlock'."
            )
            raise ToolError("unavailable", what, remedy)

    def _policy(self, handle: Handle, argv: list[str]) -> dict[str, Any]:
        limits = handle.spec.limits
        line = self._arguments(bubblewrap(), limits)
        workspace = str(self._folder(handle.ref, "workspace"))
        line += ["--bind", workspace, WORKSPACE, "--chdir", WORKSPACE]
        for mount in handle.spec.mounts:
            line += ["--ro-bind" if mount.read_only else "--bind", mount.source, mount.target]
        folders = {"home": HOME, "tmp": "/tmp", "ceiling": "/"}  # noqa: S108 - inside
        environment = self._environment(folders, handle.spec)
        for name, value in environment.items():
            line += ["--setenv", name, value]
        line += ["--remount-ro", "/"]
        return {"argv": [*line, "--", *argv], "cwd": "/", "env": {}, **self._extras(limits)}

    def _arguments(self, program: str, limits: Limits) -> list[str]:
        """Return what bubblewrap is told about the view inside, but for the workspace."""
        half = str(min(limits.tmp, limits.memory // 2) // 2)  # it counts as memory
        line = [program, *ISOLATED, "--ro-bind", "/usr", "/usr"]
        for name in PROGRAM_LINKS:
            line += _like_the_host(Path("/", name))
        for path in SETTINGS:
            line += ["--ro-bind-try", path, path]
        for at, path in enumerate(MADE):
            line += ["--perms", "0444", "--ro-bind-data", f"@file{at}", path]
        line += ["--proc", "/proc", "--remount-ro", "/proc"]  # what root owns there is the kernel's
        line += ["--dev", "/dev"]
        line += ["--perms", "1777", "--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm"]  # noqa: S108
        line += ["--remount-ro", "/dev"]
        line += ["--perms", "1777", "--size", half, "--tmpfs", "/tmp"]  # noqa: S108 - inside
        line += ["--perms", "0700", "--size", half, "--tmpfs", HOME]
        for path in self._interpreter().lent:  # which may lie below /tmp or a home folder
            line += ["--ro-bind-try", path, path]
        if seccomp.program() is not None:
            line += ["--seccomp", "@seccomp"]
        if self._counts_inside():
            line += ["--info-fd", "@info", "--block-fd", "@gate"]
        return line

    def _extras(self, limits: Limits) -> dict[str, Any]:
        return {
            "files": list(MADE.values()),
            "seccomp": base64.b64encode(seccomp.program() or b"").decode(),
            "inner_nproc": limits.pids if self._counts_inside() else 0,
        }

    def _counts_inside(self) -> bool:
        """Return whether the kernel can count the processes of the namespace; root is exempt."""
        release = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
        return os.getuid() != 0 and release >= NAMESPACED_COUNTS


def bubblewrap() -> str:
    """Return the path of the program.

    Raises:
        ToolError: ``unavailable`` when there is none.
    """
    if sys.platform != "linux":
        raise ToolError("unavailable", "bubblewrap needs Linux.", "Use Docker.")
    return program_of_host("bwrap", "bubblewrap")


def _version(program: str) -> str:
    run = subprocess.run(  # noqa: S603 - our own arguments
        [program, "--version"], capture_output=True, text=True, timeout=10, check=False
    )
    words = run.stdout.split()
    version = words[-1] if words else "0"
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        what = f"bubblewrap {version} is too old."
        raise ToolError("unavailable", what, "Install version 0.7 or newer, or use Docker.")
    return version


def _like_the_host(path: Path) -> list[str]:
    """Return what makes ``/bin`` and its kin look inside as on the host."""
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind", str(path), str(path)] if path.is_dir() else []
