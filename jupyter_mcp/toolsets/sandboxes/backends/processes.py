"""Processes as ``/proc`` tells of them: who descends from whom, and what they use."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process at one moment.

    Args:
        pid: Its number.
        parent: Its parent's number.
        state: Its state's letter; ``T`` is stopped, ``Z`` has ended.
        cpu: CPU seconds so far, with those of children that have ended.
        started: When it began, in ticks since the machine did; with the number it is unmistakable.
        memory: Bytes in memory.
    """

    pid: int
    parent: int
    state: str
    cpu: float
    started: int
    memory: int


def process(pid: int) -> Process | None:
    """Return a process; None when there is none of that number."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    words = text.rpartition(b")")[2].split()
    ticks = sum(map(int, words[11:15]))
    return Process(
        pid,
        int(words[1]),
        words[0].decode(),
        ticks / os.sysconf("SC_CLK_TCK"),
        int(words[19]),
        int(words[21]) * os.sysconf("SC_PAGE_SIZE"),
    )


def everybody() -> Iterator[Process]:
    """Yield all processes that can be seen."""
    for name in os.listdir(PROC):  # noqa: PTH208 - names are all that is needed
        if name.isdigit() and (found := process(int(name))) is not None:
            yield found


def descendants(roots: list[int]) -> list[Process]:
    """Return the processes that descend from `roots`, without those themselves."""
    children: dict[int, list[Process]] = {}
    for each in everybody():
        children.setdefault(each.parent, []).append(each)
    found: list[Process] = []
    left = list(roots)
    while left:
        more = children.pop(left.pop(), [])
        found += more
        left += [each.pid for each in more]
    return [each for each in found if each.state != "Z"]


def family(roots: list[int]) -> list[Process]:
    """Return the descendants of `roots` while none of them forks: quicker than `descendants`.

    It reads ``/proc/PID/task/TID/children``, which may miss some while others end or begin.
    """
    found: list[Process] = []
    left = list(roots)
    try:
        while left:
            pid = left.pop()
            for thread in os.listdir(PROC / str(pid) / "task"):  # noqa: PTH208 - names are enough
                text = (PROC / str(pid) / "task" / thread / "children").read_bytes()
                children = [each for word in text.split() if (each := process(int(word)))]
                found += children
                left += [each.pid for each in children]
    except OSError:  # one has just ended, or this kernel does not tell
        return descendants(roots)
    return found


def freeze(roots: list[int]) -> None:
    """Stop all descendants, those too that are born meanwhile.

    Raises:
        TimeoutError: When there are running ones after two seconds.
    """
    end = time.monotonic() + STOP_SECONDS
    while running := [each for each in descendants(roots) if each.state not in "Tt"]:
        if time.monotonic() > end:
            raise TimeoutError
        _signal_all(running, signal.SIGSTOP)
        time.sleep(0.001)  # a stop takes effect when the process runs next


def thaw(roots: list[int]) -> None:
    """Let all descendants go on, the youngest first."""
    _signal_all(family(roots)[::-1], signal.SIGCONT)


def holders(folder: Path) -> list[Process]:
    """Return the processes whose working folder lies in `folder`."""
    found = []
    for each in everybody():
        with contextlib.suppress(OSError):
            if (PROC / str(each.pid) / "cwd").readlink().is_relative_to(folder):
                found.append(each)
    return found


def kill(processes: list[Process]) -> None:
    """Kill exactly these: a number that another process got meanwhile is left alone."""
    same = [
        each for each in processes if (now := process(each.pid)) and now.started == each.started
    ]
    _signal_all(same, signal.SIGKILL)


def _signal_all(processes: list[Process], number: int) -> None:
    for each in processes:
        with contextlib.suppress(OSError):
            os.kill(each.pid, number)


def end(keepers: list[int]) -> None:
    """Ask keepers to kill all below them, and wait a moment."""
    for pid in keepers:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)
    time.sleep(0.005)
