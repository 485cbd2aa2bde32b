"""``jupyter mcp jobs`` at a real server."""

from __future__ import annotations

import json
from pathlib import Path

from support.commands import run
from support.plugins import plugin_environment
from support.server import JupyterServer
from support.tasks import TaskClient


def test_jobs_are_listed_shown_and_cancelled(tmp_path: Path) -> None:
    environment = plugin_environment(tmp_path, errands="support.errands:Errands")
    with JupyterServer(tmp_path, collaboration=False, env=environment) as server:
        assert "There are no jobs." in run(server, "jobs").stdout
        client = TaskClient(server)
        job_id = client.call("errand_wait", mark="seen")["taskId"]
        assert f"{job_id}  running  1/2 waiting for seen" in run(server, "jobs").stdout
        told = json.loads(run(server, "jobs", job_id, "--json").stdout)
        assert told["status"] == "running"
        cancelled = run(server, "jobs", job_id, "--cancel")
        assert f"{job_id}: cancelled" in cancelled.stdout, cancelled.stderr
        assert "There are no jobs." in run(server, "jobs", "--status", "active").stdout
        assert job_id in run(server, "jobs", "--status=cancelled").stdout
        wrong = run(server, "jobs", "--cancel")
        assert wrong.returncode != 0
        assert "Say which one job." in wrong.stderr
