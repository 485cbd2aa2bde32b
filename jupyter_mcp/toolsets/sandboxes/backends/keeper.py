"""The process that stands above a sandbox's program and ends all of it.

The server's one child for a channel; the program and everything that it starts, however often it
forks or leaves its session, are its descendants (it is their subreaper). It holds one end of a
socket whose other end only the server has: when that is closed, also by ``kill -9`` of the server,
it kills all descendants, stopped ones too, and leaves. It is not confined itself, so that what is
confined cannot reach it. Sent as text after `confinement.py`: standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
Confine = Callable[[dict[str, Any]], None]


def main(confine: Confine) -> None:
    """Start the program of the policy that comes through the life line, and stay above it."""
    life = socket.socket(fileno=int(sys.argv[1]))
    life.set_inheritable(False)
    policy = _receive(life)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    bell, ringer = os.pipe()
    os.set_blocking(ringer, False)
    signal.signal(signal.SIGCHLD, _ignore)
    signal.signal(signal.SIGTERM, _ignore)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
    door = _Door(policy)
    program = os.fork()
    if program == 0:
        _become(policy, confine)
    door.open(program)
    _let_go_of_the_pipes()
    code = _watch(life, bell, program)
    _kill_all()
    for folder in policy.get("cgroups", {}):
        with contextlib.suppress(OSError):  # another channel's programs are in it
            os.rmdir(folder)  # noqa: PTH106 - pathlib takes 6 ms to import
    os._exit(code)


class _Door:
    """What bubblewrap gets by file number: its filter, files, and a gate where it waits."""

    def __init__(self, policy: dict[str, Any]) -> None:
        self._nproc = policy.get("inner_nproc", 0)
        self._numbers: dict[str, int] = {}
        if "@seccomp" in policy["argv"]:
            self._numbers["@seccomp"] = _memory_file(b64decode(policy.pop("seccomp")))
        for at, content in enumerate(policy.get("files", ())):
            self._numbers[f"@file{at}"] = _memory_file(content.encode())
        if self._nproc:
            self._info, self._numbers["@info"] = os.pipe()
            self._numbers["@gate"], self._gate = os.pipe()
        for number in self._numbers.values():
            os.set_inheritable(number, True)
        policy["argv"] = [str(self._numbers.get(word, word)) for word in policy["argv"]]

    def open(self, program: int) -> None:
        """Limit the processes of the namespace inside, then let the program begin."""
        for number in self._numbers.values():
            os.close(number)
        if not self._nproc:
            return
        try:
            told = json.loads(_read_all(self._info) or b"{}")
            inner = told.get("child-pid", program)
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(inner, resource.RLIMIT_NPROC, (self._nproc, self._nproc))
            with contextlib.suppress(BrokenPipeError):
                os.write(self._gate, b"1")
        finally:
            os.close(self._info)
            os.close(self._gate)


def _receive(life: socket.socket) -> Any:
    data = b""
    while not data.endswith(b"\n"):
        piece = life.recv(65536)
        if not piece:
            os._exit(0)
        data += piece
    return json.loads(data)


def _ignore(_number: int, _frame: object) -> None:
    """Wake the loop through the wakeup file; nothing else is to do."""


def _become(policy: dict[str, Any], confine: Confine) -> None:
    """Turn the child into the program; what goes wrong is told on stderr."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.chdir(policy["cwd"])
        os.umask(0o022)
        confine(policy)
        os.execvpe(policy["argv"][0], policy["argv"], policy["env"])  # noqa: S606 - no shell is wanted
    except BaseException as error:  # noqa: BLE001 - the child must not go on as a second keeper
        os.write(2, f"The sandbox could not begin: {error}\n".encode())
    finally:
        os._exit(126)


def _let_go_of_the_pipes() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


def _watch(life: socket.socket, bell: int, program: int) -> int:
    """Return when the program has ended, the server is gone, or somebody asked to end."""
    while True:
        ready = select.select([life.fileno(), bell], [], [])[0]
        if life.fileno() in ready:
            return 0
        numbers = os.read(bell, 4096)
        code = _reap(program)
        if code is not None:
            return code
        if bytes([signal.SIGTERM]) in numbers:
            return 0


def _reap(program: int) -> int | None:
    """Take leave of children that have ended and return the program's exit code if it is one."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == program:
                code = os.waitstatus_to_exitcode(status) % 256
    return code


def _kill_all() -> None:
    """Kill all descendants until none is left: stopped first, so that they cannot outrun it."""
    while True:
        family = _descendants()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in family:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
        _reap(-1)
        if not family and not _has_children():
            return
        select.select([], [], [], 0.002)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _descendants() -> list[int]:
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes 6 ms to import
        if name.isdigit() and (parent := _parent(name)):
            parents.setdefault(parent, []).append(int(name))
    found: list[int] = []
    left = [os.getpid()]
    while left:
        children = parents.pop(left.pop(), [])
        found += children
        left += children
    return found


def _parent(name: str) -> int:
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - likewise
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _memory_file(content: bytes) -> int:
    number = os.memfd_create("sandbox")
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def _read_all(number: int) -> bytes:
    data = b""
    while piece := os.read(number, 4096):
        data += piece
    return data
