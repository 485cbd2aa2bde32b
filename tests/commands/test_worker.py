"""``jupyter mcp worker``: run by hand, looked at, stopped, and what stands in its way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_mcp.commands import checks_workflows
from jupyter_mcp.commands.checks_workflows import check_parts, is_new_enough, workflows
from jupyter_mcp.commands.worker import WorkerApp
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.worker.failure import Failure
from support.workers import Bench, bench, chain


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Bench]:
    """A state folder."""
    async with bench(tmp_path / "state") as made:
        yield made


def worker(place: Bench, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jupyter_mcp.commands", "worker", *words]
    return subprocess.run(
        [*command, "--state", str(place.state)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(place.state)},
    )


async def test_it_is_shown_and_stopped(place: Bench) -> None:
    none = worker(place, "status")
    assert none.returncode == 1
    assert none.stdout == "No worker runs here; one starts when there is work.\n"
    assert worker(place, "stop").stdout == "No worker runs here.\n"
    elsewhere = worker(place, "status", "--server", "https://lab.example.org/")
    assert elsewhere.stdout == "No worker runs here.\n", "nobody starts one for another host"
    process = place.start()
    await place.ended(await place.put(chain(1)))
    shown = json.loads(worker(place, "status", "--json").stdout)
    assert shown["running"]
    assert shown["pid"] == process.pid
    second = worker(place)
    assert second.returncode == 1
    assert second.stderr.startswith(f"conflict: The worker's lock is held by process {process.pid}")
    assert second.stderr.count("\n") == 1
    assert "go on when a worker starts again" in worker(place, "stop").stdout
    assert process.wait(30) == 0


def test_a_database_that_is_not_there_is_told_in_one_line(place: Bench) -> None:
    url = "postgresql+psycopg://me:hidden@127.0.0.1:1/none"
    found = worker(place, "--database-url", url)
    assert found.returncode == 1
    line = found.stderr.splitlines()[-1]
    assert line.startswith("unavailable: The database 'none' at 127.0.0.1 cannot be opened")
    assert "hidden" not in found.stderr + found.stdout + place.log


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jupyter_mcp.commands", "worker", "--state"]
    found = subprocess.run(
        [*command, str(tmp_path / "none")], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert found.stderr.startswith("not_found: There is no folder")


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_workflows, "find_spec", lambda name: name != "dbos" or None)
    with pytest.raises(ToolError) as caught:
        check_parts(is_distributed=False)
    assert caught.value.remedy == 'Run: pip install "jupyter-mcp-workbench[workflows]"'
    assert workflows().status == "warn"


def test_a_sqlite_that_is_too_old_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_new_enough((3, 40, 1), (3, 12))
    assert is_new_enough((3, 40, 1), (3, 11))
    assert is_new_enough((3, 42, 0), (3, 13))
    monkeypatch.setattr(checks_workflows, "is_new_enough", lambda: False)
    with pytest.raises(ToolError, match=r"SQLite 3\.42 or newer"):
        check_parts(is_distributed=False)
    assert "Postgres" in workflows().remedy


async def test_what_a_worker_lacks_is_left_for_its_server(
    place: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_workflows, "is_new_enough", lambda: False)
    with pytest.raises(ToolError, match=r"SQLite 3\.42"):
        await WorkerApp(state=str(place.state)).run()
    left = Failure.read(place.state)
    assert left is not None
    assert "Workflows need SQLite 3.42 or newer" in str(left.told())
