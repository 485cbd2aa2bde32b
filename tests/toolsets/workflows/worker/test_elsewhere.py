"""Workers that no server starts: run by hand beside it, and on another host with little."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.durable import Flows, flows
from support.left_workers import workers
from support.postgres import Postgres
from support.server import wait_until
from support.workers import state_of

NONE_HERE: dict[str, Any] = {"workflow_local_worker": False}
WRITES: dict[str, Any] = {
    "id": "w",
    "kind": "action",
    "tool": "file_write",
    "arguments": {"path": "${workflow.id}.txt", "content": "x"},
}


@contextmanager
def worker(home: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker by hand, as on a host of its own: another home, and none of our environment."""
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "jupyter_mcp.commands", "worker", *words]
    with (home / "printed").open("ab") as printed:
        process = subprocess.Popen(
            command,
            cwd=home,
            env={"HOME": str(home), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def reason(flow: Flows, run: str) -> str:
    """Return what a run says that it waits for."""
    return str(flow.call("workflow_get", workflow_id=run).get("reason", ""))


def until_missed(flow: Flows, run: str) -> None:
    """Return when a run says that there is no worker."""
    told = "No worker is running, and this server starts none"
    wait_until(lambda: told in reason(flow, run), seconds=30, what="the reason")


def test_a_run_says_that_nobody_does_it_until_somebody_starts_a_worker(tmp_path: Path) -> None:
    with flows(tmp_path / "server", config={"JupyterMCP": NONE_HERE}) as flow:
        run = flow.start(WRITES, {"id": "ask", "kind": "approval", "message": "Go on?"})
        until_missed(flow, run)
        assert not workers(tmp_path)
        state = str(state_of(flow.server))
        with worker(tmp_path / "by-hand", "--state", state, "--server", flow.server.url):
            flow.until(run, "waiting")
            assert reason(flow, run) == ""
        until_missed(flow, run)
        flow.call("workflow_cancel", workflow_id=run)


def test_a_host_with_a_url_a_database_and_the_key_does_the_work(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.database()
    config = {"JupyterMCP": {**NONE_HERE, "database_url": url}}
    with flows(tmp_path / "server", config=config) as flow:
        run = flow.start(WRITES)
        until_missed(flow, run)
        host = tmp_path / "host"
        (host / "state").mkdir(parents=True)
        key = host / "worker.key"
        key.write_text((state_of(flow.server) / "worker.key").read_text())
        known = ("--server", flow.server.url, "--database-url", url, "--key-file", str(key))
        with worker(host, "--state", str(host / "state"), *known):
            assert flow.until(run)["status"] == "succeeded"
            assert (flow.server.root / f"{run}.txt").read_text() == "x"
        url_of_before, port = flow.server.url, flow.server.port
        flow.server.kill()
        with worker(host, "--state", str(host / "state")):  # it keeps what it was told
            flow.server.port = port
            flow.server.start()
            assert flow.server.url == url_of_before
            again = flow.start(WRITES)
            assert flow.until(again)["status"] == "succeeded"
        assert not workers(tmp_path / "server")
