from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jupyter_mcp.toolsets.search.index.lock import Holder, OwnerLock

HOLD = """
import sys, pathlib
from jupyter_mcp.toolsets.search.index.lock import OwnerLock
lock = OwnerLock(pathlib.Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""


def test_one_has_it_and_says_who(tmp_path: Path) -> None:
    first, second = OwnerLock(tmp_path / "lock"), OwnerLock(tmp_path / "lock")
    assert first.take()
    assert first.take()
    assert not second.take()
    assert first.is_mine
    assert not second.is_mine
    holder = second.holder()
    assert holder
    assert holder.pid == os.getpid()
    first.release()
    assert second.take()
    second.release()


def test_it_is_gone_with_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"True\n"
        lock = OwnerLock(tmp_path / "lock")
        assert not lock.take()
        assert str(lock.holder()) == f"process {process.pid}"
        process.kill()
    assert lock.take()
    lock.release()


def test_a_file_that_says_nothing_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("{")
    assert OwnerLock(tmp_path / "lock").holder() is None


def test_a_holder_elsewhere_is_told_with_its_machine() -> None:
    assert str(Holder(7, "another-host", 0.0)) == "process 7 on another-host"
