"""Workflows behind a real JupyterHub, of two users whose servers share a Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.hub import Hub, UserServer
from support.left_workers import end_workers, workers
from support.postgres import Postgres
from support.server import wait_until
from support.tasks import TaskClient

pytestmark = [pytest.mark.hub, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Hub]:
    home = tmp_path_factory.mktemp("hub")
    options = (f"--JupyterMCP.database_url={postgres.database()}",)
    try:
        with Hub(home, ("ann", "bob"), options) as running:
            running.start_server("ann")
            running.start_server("bob")
            yield running
    finally:
        end_workers(home)


def client(hub: Hub, user: str) -> TaskClient:
    """Return a client of a user, with a token of the Hub."""
    return TaskClient(UserServer(hub, user))


def errand(seconds: float) -> dict[str, Any]:
    """Return a workflow that waits between two files."""

    def write(name: str, **more: Any) -> dict[str, Any]:
        arguments = {"path": f"${{workflow.id}}-{name}.txt", "content": name}
        return {
            "id": name,
            "kind": "action",
            "tool": "file_write",
            "arguments": arguments,
            **more,
        }

    wait = {"id": "wait", "kind": "wait", "seconds": seconds, "needs": ["first"]}
    nodes = [write("first"), wait, write("last", needs=["wait"])]
    return {"name": "errand", "nodes": nodes}


def begin(at: TaskClient, seconds: float) -> str:
    """Start an errand and return it once its first file is written."""
    begun = at.call("workflow_start", spec=errand(seconds))
    assert begun["resultType"] == "task", begun
    run: str = begun["taskId"]

    def is_begun() -> bool:
        told = at.call("workflow_get", workflow_id=run)["structuredContent"]
        return bool(told["nodes"][0]["status"] == "succeeded")

    wait_until(is_begun, seconds=60, what="the first node")
    return run


def expect_done(hub: Hub, user: str, run: str, at: TaskClient) -> None:
    """Assert that a task ends as it has to, and that its files lie at its owner's alone."""
    result = at.until(run, seconds=60)["result"]["structuredContent"]
    assert result["status"] == "succeeded", result
    assert [node["attempts"] for node in result["nodes"]] == [1, 1, 1]
    found = sorted(hub.home.rglob(f"{run}-*.txt"))
    assert [file.name for file in found] == [f"{run}-first.txt", f"{run}-last.txt"]
    assert all(file.is_relative_to(hub.home_of(user)) for file in found)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_task_survives_that_its_users_server_ends(hub: Hub, how: str) -> None:
    ann = client(hub, "ann")
    run = begin(ann, 3)
    before = workers(hub.home_of("ann"))
    assert before
    getattr(hub, f"{how}_server")("ann")
    assert workers(hub.home_of("ann")) == before, "the worker is nobody's child"
    hub.start_server("ann")
    expect_done(hub, "ann", run, client(hub, "ann"))


def test_users_of_one_postgres_neither_see_nor_do_each_others_work(hub: Hub) -> None:
    ann, bob = client(hub, "ann"), client(hub, "bob")
    runs = {"ann": begin(ann, 1), "bob": begin(bob, 1)}
    assert len(workers(hub.home)) == 2
    for user, at, other in (("ann", ann, runs["bob"]), ("bob", bob, runs["ann"])):
        assert at.call("workflow_get", workflow_id=other)["isError"]
        assert at.call("workflow_cancel", workflow_id=other)["isError"]
        listed = at.call("workflow_list")["structuredContent"]["workflows"]
        assert other not in [each["workflow_id"] for each in listed]
        key = next(hub.home_of(user).rglob("worker.key")).read_text()
        jobs = at.call("job_list")["structuredContent"]["jobs"]
        assert other not in [each["job_id"] for each in jobs]
        refused = at.server.request(
            "POST", "mcp/worker/token", {"run": other}, {"Authorization": f"Bearer {key}"}
        )
        assert refused.status == 404, refused.body
    end_workers(hub.home_of("ann"))  # bob's goes on, and does nothing of hers meanwhile
    expect_done(hub, "bob", runs["bob"], bob)
    expect_done(hub, "ann", runs["ann"], ann)
