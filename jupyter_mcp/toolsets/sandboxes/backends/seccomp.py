"""A filter of system calls, as the kernel takes it: classic BPF, packed here.

Refused is what Docker's default profile refuses and matters without capabilities: new namespaces
and mounts, keyrings, BPF, performance counters, userfaultfd, kernel modules, the clock, input
pushed into terminals; and io_uring, which would go past this filter. ptrace is allowed, as there.
Numbers are those of Linux' ``asm/unistd_64.h`` and ``asm-generic/unistd.h``.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
X32 = 0x40000000
NAMESPACES = 0x7E020000
"""CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID and -NET."""
TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX."""
FAMILIES = (17, 38, 40)
"""AF_PACKET, AF_ALG and AF_VSOCK."""

REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
"""The numbers of what is refused, for x86_64 and for aarch64."""
MISSING = {
    "clone3": (435, 435),  # its flags lie in memory; the C library falls back to clone
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
REACHING = {
    "socket": (41, 198),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
"""What reaches other processes of the machine where there are no namespaces."""
OTHERS = {
    "prlimit64": (302, 261, 0),
    "sched_setaffinity": (203, 122, 0),
    "sched_setattr": (314, 274, 0),
    "sched_setparam": (142, 118, 0),
    "sched_setscheduler": (144, 119, 0),
    "ioprio_set": (251, 30, 1),
    "setpriority": (141, 140, 1),
}
"""What acts on any process of the account: for x86_64, for aarch64, and at which argument the
process stands, which has to be 0, the caller. A limit of CPU time of one second kills a server."""
SOCKETPAIR, DATAGRAMS = (53, 199), 2
"""A pair's end can send to other sockets unless it is a stream; SOCK_DGRAM and SOCK_RAW have this
bit, SOCK_STREAM and SOCK_SEQPACKET have not."""
CLONE, IOCTL, SOCKET, TRUNCATE = (56, 220), (16, 29), REACHING["socket"], (76, 45)


@dataclass(frozen=True, slots=True)
class Machine:
    """An architecture.

    Args:
        audit: Its number in ``linux/audit.h``.
        column: Its column in the tables.
    """

    audit: int
    column: int


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}


def program(
    machine: str = "", *, is_alone: bool = True, with_truncate: bool = True
) -> bytes | None:
    """Return the filter for a machine; None for an architecture whose calls are not known here.

    Args:
        machine: As ``uname -m`` says; this machine by default.
        is_alone: Whether network, IPC and processes are its own; else sockets, other than pairs
            of streams, the means of System V and POSIX to share with other processes, and setting
            limits and priorities of others are refused.
        with_truncate: Whether files can be cut by name, which Landlock before ABI 3 lets through.
    """
    kind = MACHINES.get(machine or os.uname().machine)
    if kind is None:
        return None
    code = [
        _step(LOAD, ARCHITECTURE_AT),
        _step(JUMP_EQUAL, kind.audit, 1, 0),
        _refuse(errno.ENOSYS),
        _step(LOAD, NUMBER_AT),
    ]
    if kind.column == 0:
        code += [_step(JUMP_AT_LEAST, X32, 0, 1), _refuse(errno.ENOSYS)]
    for pair in MISSING.values():
        code += _call(pair[kind.column], [_refuse(errno.ENOSYS)])
    refused = [pair[kind.column] for pair in REFUSED.values()]
    refused += [] if is_alone else [pair[kind.column] for pair in REACHING.values()]
    refused += [] if with_truncate else [TRUNCATE[kind.column]]
    for number in refused:
        code += [] if number is None else _call(number, [_refuse(errno.EPERM)])
    code += _call(CLONE[kind.column], _argument(0, JUMP_ANY_BIT, [NAMESPACES]))
    code += _call(IOCTL[kind.column], _argument(1, JUMP_EQUAL, TERMINAL_INPUT))
    code += _call(SOCKET[kind.column], _argument(0, JUMP_EQUAL, FAMILIES))
    if not is_alone:
        code += _call(SOCKETPAIR[kind.column], _argument(1, JUMP_ANY_BIT, [DATAGRAMS]))
        for call in OTHERS.values():
            code += _call(call[kind.column], _zero(call[2]))
    return b"".join([*code, _step(RETURN, ALLOW)])


def _call(number: int, then: list[bytes]) -> list[bytes]:
    """Do `then`, which returns, for one system call."""
    return [_step(JUMP_EQUAL, number, 0, len(then)), *then]


def _argument(position: int, test: int, values: Iterable[int]) -> list[bytes]:
    """Refuse a call when the low half of an argument passes the test with one of the values."""
    code = [_step(LOAD, ARGUMENTS_AT + 8 * position)]
    for value in values:
        code += [_step(test, value, 0, 1), _refuse(errno.EPERM)]
    return [*code, _step(RETURN, ALLOW)]


def _zero(position: int) -> list[bytes]:
    """Refuse a call unless the low half of an argument is 0."""
    load = _step(LOAD, ARGUMENTS_AT + 8 * position)
    return [load, _step(JUMP_EQUAL, 0, 1, 0), _refuse(errno.EPERM), _step(RETURN, ALLOW)]


def _refuse(number: int) -> bytes:
    return _step(RETURN, ERROR | number)


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
