"""The filter of system calls, run as the kernel would run it, for both machines."""

from __future__ import annotations

import errno
import struct

import pytest

from jupyter_mcp.toolsets.sandboxes.backends import seccomp

PERMISSION, MISSING = errno.EPERM, errno.ENOSYS
MACHINES = [("x86_64", 0), ("aarch64", 1)]


def judge(program: bytes, machine: str, number: int, *arguments: int) -> int:
    """Return the error that a call gets from a filter; 0 when it may pass."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    audit = seccomp.MACHINES[machine].audit
    data = struct.pack("=IIQ6Q", number, audit, 0, *padded)
    steps = list(struct.iter_unpack("=HBBI", program))
    value = at = 0
    while True:
        code, then, otherwise, k = steps[at]
        at += 1
        if code == seccomp.RETURN:
            return 0 if k == seccomp.ALLOW else k & 0xFFFF
        if code == seccomp.LOAD:
            (value,) = struct.unpack_from("=I", data, k)
            continue
        holds = {
            seccomp.JUMP_EQUAL: value == k,
            seccomp.JUMP_AT_LEAST: value >= k,
            seccomp.JUMP_ANY_BIT: bool(value & k),
        }[code]
        at += then if holds else otherwise


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_just_what_is_listed_is_refused(machine: str, column: int) -> None:
    program = seccomp.program(machine)
    assert program
    refused = {pair[column]: PERMISSION for pair in seccomp.REFUSED.values()}
    refused |= {pair[column]: MISSING for pair in seccomp.MISSING.values()}
    for number in range(600):
        assert judge(program, machine, number) == refused.get(number, 0), number


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_arguments_decide_about_clone_ioctl_and_socket(machine: str, column: int) -> None:
    program = seccomp.program(machine)
    assert program
    clone, ioctl, socket = (each[column] for each in (seccomp.CLONE, seccomp.IOCTL, seccomp.SOCKET))
    assert judge(program, machine, clone, 0x003D0F00) == 0  # a thread
    for kind in (0x20000, *(0x02000000 << shift for shift in range(6))):
        assert judge(program, machine, clone, kind | 17) == PERMISSION
    assert judge(program, machine, ioctl, 0, 0x5412) == PERMISSION
    assert judge(program, machine, ioctl, 0, 0x5401) == 0
    assert judge(program, machine, ioctl, 0, 0x1_0000_5412) == PERMISSION
    assert judge(program, machine, socket, 2, 1) == judge(program, machine, socket, 1, 1) == 0
    assert judge(program, machine, socket, 40, 1) == PERMISSION


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_what_reaches_others_and_truncate_can_be_refused_altogether(
    machine: str, column: int
) -> None:
    program = seccomp.program(machine, is_alone=False, with_truncate=False)
    assert program
    for family in (1, 2, 10, 16):
        assert judge(program, machine, seccomp.SOCKET[column], family, 1) == PERMISSION
    for pair in seccomp.REACHING.values():
        assert judge(program, machine, pair[column]) == PERMISSION
    assert judge(program, machine, seccomp.TRUNCATE[column]) == PERMISSION


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_limits_and_priorities_of_others_can_not_be_set(machine: str, column: int) -> None:
    shared, alone = seccomp.program(machine, is_alone=False), seccomp.program(machine)
    assert shared
    assert alone
    for call in seccomp.OTHERS.values():
        own, other = [7] * 3, [7] * 3
        own[call[2]], other[call[2]] = 0, 4242
        assert judge(shared, machine, call[column], *own) == 0
        assert judge(shared, machine, call[column], *other) == PERMISSION
        assert judge(alone, machine, call[column], *other) == 0
    for kind, error in ((1, 0), (5, 0), (0x80801, 0), (2, PERMISSION), (0x80803, PERMISSION)):
        assert judge(shared, machine, seccomp.SOCKETPAIR[column], 1, kind) == error


def test_other_ways_into_the_kernel_are_closed() -> None:
    program = seccomp.program("x86_64")
    assert program
    assert judge(program, "aarch64", 63) == MISSING  # the numbers of another machine
    assert judge(program, "x86_64", 0x40000000 | 1) == MISSING  # x32
    assert seccomp.program("riscv64") is None
