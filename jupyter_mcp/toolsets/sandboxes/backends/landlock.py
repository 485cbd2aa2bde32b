"""Processes of this account that the kernel keeps away from its files and from the network.

It works where nothing else does: in a container without privileges, such as a JupyterHub pod.
Landlock allows files by folder; what it leaves open is closed by a filter of system calls, which
lets nobody make a socket: Landlock guards neither the file of a socket, such as Docker's, nor UDP.
Shared memory is closed too, since that of other programs of the account could not be told apart.
The processes stay visible to others of the account, and share its user, loopback and memory.
"""

from __future__ import annotations

import base64
import ctypes
import platform
import sys
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends import seccomp
from jupyter_mcp.toolsets.sandboxes.backends.kept import run_kept
from jupyter_mcp.toolsets.sandboxes.backends.local import LocalBackend
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities, Isolation

LANDLOCK_CREATE_RULESET = 444
EXECUTE, WRITE, READ, READ_FOLDER = 1, 1 << 1, 1 << 2, 1 << 3
REMOVE_FOLDER, REMOVE_FILE, MAKE_FOLDER, MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
MAKE_SOCKET, MAKE_PIPE, MAKE_LINK = 1 << 9, 1 << 10, 1 << 12
REFER, TRUNCATE, DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15
CHANGE = WRITE | TRUNCATE | REMOVE_FOLDER | REMOVE_FILE | REFER
MAKE = MAKE_FOLDER | MAKE_FILE | MAKE_SOCKET | MAKE_PIPE | MAKE_LINK
LOOK = READ | READ_FOLDER
TCP = 1 | 2
ABSTRACT_SOCKETS_AND_SIGNALS = 1 | 2

FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""From which ABI on how many of the rights above are known."""
ABI_REFER, ABI_TRUNCATE, ABI_NET, ABI_DEVICES, ABI_SCOPES = 2, 3, 4, 5, 6

PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/localtime"),
    *("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs"),
    *("/etc/mime.types", "/etc/fonts", "/etc/terminfo", "/etc/inputrc", "/etc/bash.bashrc"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts")
SOURCES = ("/dev/random", "/dev/urandom")

NOTES = (
    "Files outside are out of reach and no socket can be made; user and kernel are shared.",
    "There is no shared memory (/dev/shm), which locks and queues of multiprocessing need.",
    "Names of this machine's processes can be seen, their arguments too.",
    "Who knows the name of a file outside can change its mode and times, not what is in it.",
    "Lent folders keep the path that they have on this machine.",
    "Terminals that this account has open can be read and written.",
)
SIGNALS = "This kernel's Landlock lets programs inside send signals to this account's processes."


class LandlockBackend(LocalBackend):
    """Sandboxes of processes that Landlock confines."""

    name = "landlock"

    def _tried(self) -> Capabilities:
        abi = landlock_abi()
        limits, notes = self._limits()
        self._try(["/bin/true"])
        return Capabilities(
            backend=self.name,
            isolation=Isolation.LANDLOCK,
            limits=limits,
            has_network_namespace=False,
            can_pause=True,
            has_images=False,
            version=f"Landlock ABI {abi}, Linux {platform.release()}",
            notes=(
                *NOTES,
                *(() if abi >= ABI_SCOPES else (SIGNALS,)),
                *notes,
            ),
        )

    def _try(self, argv: list[str]) -> None:
        """Start a program as a sandbox would, to see that the kernel lets it."""
        policy = {"argv": argv, "cwd": "/", "env": {}, **self._confinement({}, [])}
        said = run_kept(policy)
        if said:
            what = f"Landlock does not work here: {said}"
            raise ToolError("unavailable", what, "Use Docker, or another kernel.")

    def _policy(self, handle: Handle, argv: list[str]) -> dict[str, Any]:
        folders = {
            part: str(self._folder(handle.ref, part)) for part in ("workspace", "home", "tmp")
        }
        mounts = [(mount.source, mount.read_only) for mount in handle.spec.mounts]
        return {
            "argv": argv,
            "cwd": folders["workspace"],
            "env": self._environment(
                {**folders, "ceiling": str(self._folder(handle.ref))}, handle.spec
            ),
            **self._confinement(folders, mounts),
        }

    def _confinement(
        self, folders: dict[str, str], mounts: list[tuple[str, bool]]
    ) -> dict[str, Any]:
        abi = landlock_abi()
        rules = [(path, EXECUTE | LOOK) for path in (*PROGRAMS, *self._interpreter().lent)]
        rules += [(path, LOOK) for path in (*SETTINGS, *SOURCES, "/proc")]
        rules += [(path, LOOK | WRITE | DEVICE_CONTROL) for path in DEVICES]
        rules += [(path, EXECUTE | LOOK | CHANGE | MAKE) for path in folders.values()]
        for path, is_read_only in mounts:
            rules.append((path, EXECUTE | LOOK | (0 if is_read_only else CHANGE | MAKE)))
        filtered = seccomp.program(is_alone=False, with_truncate=abi >= ABI_TRUNCATE)
        return {
            "drops_capabilities": True,
            "landlock": {
                "files": handled_rights(abi),
                "net": TCP if abi >= ABI_NET else 0,
                "scoped": ABSTRACT_SOCKETS_AND_SIGNALS if abi >= ABI_SCOPES else 0,
                "size": 24 if abi >= ABI_SCOPES else 16 if abi >= ABI_NET else 8,
                "rules": rules,
            },
            "seccomp": base64.b64encode(filtered or b"").decode(),
        }


def landlock_abi() -> int:
    """Return the version of Landlock that this kernel answers with.

    Raises:
        ToolError: ``unavailable`` when there is none, or the machine's system calls are not known.
    """
    if sys.platform != "linux":
        raise ToolError("unavailable", "Landlock needs Linux.", "Use Docker.")
    if seccomp.program() is None:
        what = f"System calls of {platform.machine()} are not known here."
        raise ToolError("unavailable", what, "Use Docker.")
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        what = "This kernel has no Landlock, or it is switched off."
        raise ToolError(
            "unavailable", what, "Use Linux 5.13 or newer with lsm=landlock, or Docker."
        )
    return int(abi)


def handled_rights(abi: int) -> int:
    """Return the rights to files that this ABI knows, as a mask."""
    return (1 << max(count for since, count in FILE_RIGHTS.items() if since <= abi)) - 1
