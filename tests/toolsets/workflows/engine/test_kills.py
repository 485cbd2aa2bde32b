"""A worker that is killed again and again: all workflows finish, nothing is done twice or lost."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import killed_worker
from support.killed_worker import NODES, RUNS
from support.server import wait_until

KILLS = 4
STORES = ["sqlite", "postgres"]


def _worker(where: str, effects: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(killed_worker.__file__)), where, str(effects)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _calls(effects: Path) -> int:
    """Return how many calls of tools have begun."""
    if not effects.exists():
        return 0
    with contextlib.closing(sqlite3.connect(effects)) as rows:
        return int(rows.execute("SELECT count(*) FROM calls").fetchone()[0])


@pytest.fixture(params=STORES)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for the engine's tables."""
    if request.param == "sqlite":
        return str(tmp_path / "workflows.db")
    return str(request.getfixturevalue("postgres").database())


def test_a_worker_that_is_killed_loses_and_doubles_nothing(where: str, tmp_path: Path) -> None:
    effects = tmp_path / "effects.db"
    chance = random.Random()
    for number in range(KILLS):
        before = _calls(effects)
        worker = _worker(where, effects)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        if number % 2:  # slow machines are long at it before the first node is at work
            wait_until(lambda: _calls(effects) > before, seconds=60, what="a node is at work")  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.6))  # the moment is what is tried
        worker.kill()
        worker.communicate()
    last = _worker(where, effects)
    told, errors = last.communicate(timeout=90)
    assert told.splitlines() == ["ready", "['succeeded']"], errors[-2000:]
    assert "Traceback" not in errors
    with sqlite3.connect(effects) as rows:
        nodes = [node for (node,) in rows.execute("SELECT node FROM effects")]
    rows.close()
    wanted = {f"wf-{run}/{node['id']}" for run in range(RUNS) for node in NODES}
    assert len(nodes) == len(set(nodes)) == len(wanted)
    assert set(nodes) == wanted
    assert _calls(effects) > len(wanted), "no kill came while a node was at work"
