"""Whether the process behind a record still runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jupyter_mcp.storage import process_marks
from jupyter_mcp.storage.process_marks import is_elsewhere, is_gone, is_ours, new_mark, runs_here


def ended() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_this_process_runs_and_an_ended_one_does_not() -> None:
    machine, pid, born = new_mark().split(".")
    assert (is_gone(new_mark()), runs_here(new_mark()), is_ours(new_mark())) == (False, True, True)
    for mark in (f"{machine}.{ended()}.{born}", f"{machine}.{pid}.{born}0", f"{machine}.{pid}."):
        assert (is_gone(mark), runs_here(mark)) == (True, False)


def test_of_another_machine_nobody_can_tell() -> None:
    mark = "0123456789ab.7.12345"
    assert (is_elsewhere(mark), is_gone(mark), runs_here(mark)) == (True, False, False)
    assert not is_elsewhere(new_mark())
    assert is_gone("what no version of ours wrote")


@pytest.mark.skipif(os.name != "posix", reason="there is no such question")
def test_where_no_births_are_known_a_process_of_the_number_is_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = new_mark().partition(".")[0]
    monkeypatch.setattr(process_marks, "_born", lambda _: "")
    mine, parents = f"{machine}.{os.getpid()}.", f"{machine}.{os.getppid()}."
    assert not is_gone(mine)
    assert not is_gone(f"{parents}.1a2b")
    assert not is_gone(f"{machine}.1.")  # it may be somebody else's
    assert is_gone(f"{machine}.{ended()}.")
    assert is_gone(f"{machine}.{10**30}.")
    assert not runs_here(mine)  # so nobody ends it
