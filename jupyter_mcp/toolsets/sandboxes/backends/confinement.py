"""What a program gives up before it begins: it runs in the child of the keeper, just before exec.

It is not imported but sent as text together with `keeper.py`, so it uses the standard library only
and everything arrives as data. A call that the kernel refuses ends the child: a sandbox either has
what its policy says or does not begin. Landlock: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import os
import resource
import stat
import struct
from typing import Any

PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
SECCOMP_MODE_FILTER = 2
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
CAPSET = {"x86_64": 126, "aarch64": 91}
FILE_RIGHTS = 1 | 2 | 4 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl on a device

libc = ctypes.CDLL(None, use_errno=True)


def confine(policy: dict[str, Any]) -> None:
    """Give up what `policy` says, in an order in which nothing given up is needed later."""
    for folder, files in policy.get("cgroups", {}).items():
        _join(folder, files)
    for name, value in policy.get("rlimits", {}).items():
        _limit(getattr(resource, name), value)
    called("no_new_privs", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if policy.get("drops_capabilities"):
        _drop_capabilities()
    if policy.get("landlock"):
        _restrict(policy["landlock"])
    if policy.get("seccomp"):
        _filter(base64.b64decode(policy["seccomp"]))


def called(what: str, result: int) -> int:
    """Return the result of a system call.

    Raises:
        OSError: When it failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _join(folder: str, files: dict[str, str]) -> None:
    """Go into a control group, which is made if it is not there."""
    for attempt in (2, 1, 0):
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)  # noqa: PTH102 - pathlib takes 6 ms to import
            for name, value in (*files.items(), ("cgroup.procs", "0")):
                if name == "memory.swap.max" and not os.path.exists(f"{folder}/{name}"):  # noqa: PTH110
                    continue  # a kernel that does not count swap
                with open(f"{folder}/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
                    file.write(value)
        except OSError:  # another keeper may have removed it just now
            if not attempt:
                raise
        else:
            return


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _drop_capabilities() -> None:
    """Leave root without its powers; programs that it starts don't get them back."""
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if os.geteuid() != 0:
        return
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    called("capset", libc.syscall(CAPSET[os.uname().machine], header, bytes(24)))


def _restrict(policy: dict[str, Any]) -> None:
    attributes = struct.pack("QQQ", policy["files"], policy["net"], policy["scoped"])
    size = policy["size"]
    ruleset = called(
        "landlock_create_ruleset",
        libc.syscall(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0),
    )
    for path, rights in policy["rules"]:
        _allow(ruleset, path, rights & policy["files"])
    called("landlock_restrict_self", libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no rule
    try:
        is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
        rule = struct.pack("=Qi", rights if is_folder else rights & FILE_RIGHTS, place)
        called("landlock_add_rule", libc.syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0))
    finally:
        os.close(place)


def _filter(program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    called("seccomp", libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0))
