"""Workflows as a user has them: a real server, a real client, a real worker, and kill -9."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.clients import connected
from support.durable import Flows, flows
from support.left_workers import workers
from support.server import wait_until

Json = dict[str, Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    """A server whose worker is warm."""
    with flows(tmp_path_factory.mktemp("flows")) as opened:
        opened.until(opened.start(value("a", "1")))
        yield opened


def value(name: str, expression: str, **more: Any) -> Json:
    """Return a node that makes a value."""
    return {"id": name, "kind": "processing", "expression": expression, **more}


def write(name: str, path: str, content: str = "x", **more: Any) -> Json:
    """Return a node that writes a file."""
    arguments = {"path": path, "content": content}
    return {"id": name, "kind": "action", "tool": "file_write", "arguments": arguments, **more}


def ask(name: str, **more: Any) -> Json:
    """Return a node that waits for a person."""
    return {"id": name, "kind": "approval", "message": "Go on?", **more}


def test_a_task_survives_its_client_and_its_server(tmp_path: Path) -> None:
    with flows(tmp_path) as flow:
        spec = {
            "name": "survivor",
            "nodes": [
                write("before", "before.txt"),
                {"id": "pause", "kind": "wait", "seconds": 4, "needs": ["before"]},
                write("after", "after.txt", "${nodes.before.output.path}", needs=["pause"]),
            ],
        }
        begun = flow.client.call("workflow_start", spec=spec)
        assert begun["resultType"] == "task", begun
        task_id = begun["taskId"]
        flow.until_node(task_id, "before", "succeeded")
        flow.server.kill()
        assert workers(tmp_path), "the worker does not end with its server"
        flow.server.start()
        task = flow.client.until(task_id, seconds=60)
        assert task["status"] == "completed", task
        result = task["result"]
        assert result["structuredContent"]["status"] == "succeeded"
        after = next(n for n in result["structuredContent"]["nodes"] if n["id"] == "after")
        assert after["attempts"] == 1
        assert (flow.server.root / "after.txt").read_text() == "before.txt"
        plain = flow.call("workflow_get", workflow_id=task_id)
        assert plain["nodes"] == result["structuredContent"]["nodes"]
        assert flow.call("job_get", job_id=task_id)["status"] == "succeeded"
        assert flow.call("job_list", kind="workflow")["jobs"][0]["job_id"] == task_id


def test_what_a_killed_worker_did_is_not_done_again(tmp_path: Path) -> None:
    with flows(tmp_path) as flow:
        run = flow.start(
            write("once", "once.txt"), {"id": "pause", "kind": "wait", "seconds": 3}, ask("ask")
        )
        flow.until_node(run, "once", "succeeded")
        (pid,) = workers(tmp_path)
        os.kill(pid, signal.SIGKILL)
        flow.server.kill()
        flow.server.start()  # nobody asks for the runtime: what was left starts it
        wait_until(lambda: workers(tmp_path), seconds=30, what="another worker")
        assert workers(tmp_path) != [pid]
        flow.until_node(run, "pause", "succeeded")
        flow.until_node(run, "ask", "waiting")
        assert flow.node(run, "once")["attempts"] == 1
        flow.call("workflow_cancel", workflow_id=run)
        assert flow.until(run)["status"] == "cancelled"


async def test_the_sdks_client_by_plain_tools(served: Flows) -> None:
    async with connected(served.server) as client:
        spec = "name: sums\nparameters: {properties: {x: {type: integer, default: 20}}}\nnodes:\n"
        spec += "  - {id: sum, kind: processing, expression: 'parameters.x + 22'}\n"
        begun = await client.call_tool("workflow_start", {"spec": spec})
        assert begun.structured_content is not None
        run = begun.structured_content["workflow_id"]
        asked = {"workflow_id": run, "wait": 30}
        ended = (await client.call_tool("workflow_get", asked)).structured_content
        assert ended is not None
        assert ended["status"] == "succeeded"
        assert ended["nodes"][0]["output"] == 42
        read = await client.read_resource(f"workflow://{run}")
        assert '"succeeded"' in getattr(read.contents[0], "text", "")


def test_a_person_approves_with_what_is_asked_for(served: Flows) -> None:
    fields = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    run = served.start(ask("sure", fields=fields), value("next", "nodes.sure.output.fields.n * 2"))
    served.until_node(run, "sure", "waiting")
    state = served.call("workflow_get", workflow_id=run)
    assert "sure" in state["next"]
    answer = {"workflow_id": run, "node": "sure", "approved": True}
    assert "person" in served.refused("workflow_answer", **answer)
    served.as_person("workflow_answer", **answer, fields={"n": 21})
    assert served.until(run)["status"] == "succeeded"
    assert served.node(run, "next")["output"] == 42


def test_whoever_began_a_task_answers_it_in_their_client(served: Flows) -> None:
    spec = {"name": "asks", "nodes": [ask("sure"), value("next", "1", needs=["sure"])]}
    task_id = served.client.call("workflow_start", spec=spec)["taskId"]
    task = served.client.until(task_id, "input_required", seconds=30)
    assert list(task["inputRequests"]) == ["sure"]
    answers = {"sure": {"action": "accept", "content": {}}}
    assert "result" in served.client.send("tasks/update", taskId=task_id, inputResponses=answers)
    assert served.client.until(task_id, seconds=30)["status"] == "completed"


def test_a_no_is_a_failure_that_says_who(served: Flows) -> None:
    run = served.start(ask("sure"))
    served.until_node(run, "sure", "waiting")
    answer = {"workflow_id": run, "node": "sure", "approved": False, "reason": "not today"}
    served.as_person("workflow_answer", **answer)
    ended = served.until(run)
    assert ended["status"] == "failed"
    assert "not today" in ended["error"]["message"]


def test_cancel_acts_within_a_second(served: Flows) -> None:
    def is_at_once() -> bool:
        run = served.start({"id": "long", "kind": "wait", "seconds": 600})
        served.until_node(run, "long", "waiting", "running")
        state = served.call("workflow_cancel", workflow_id=run)
        assert served.until(run)["status"] == "cancelled"
        assert served.client.get(run)["status"] == "cancelled"
        return bool(state["status"] == "cancelled")

    assert any(is_at_once() for _ in range(5)), "a busy machine is late now and then"


def test_a_paused_run_begins_nothing_until_it_goes_on(served: Flows) -> None:
    run = served.start(ask("first"), value("second", "1", needs=["first"]))
    served.until_node(run, "first", "waiting")
    served.call("workflow_pause", workflow_id=run)
    served.until(run, "paused")
    served.as_person("workflow_answer", workflow_id=run, node="first", approved=True)
    served.until_node(run, "first", "succeeded")
    assert served.node(run, "second")["status"] == "pending"
    served.call("workflow_resume", workflow_id=run)
    assert served.until(run)["status"] == "succeeded"


def test_retry_goes_on_from_what_was_done(served: Flows) -> None:
    read = {"id": "read", "kind": "action", "tool": "file_read", "needs": ["first"]}
    run = served.start(
        write("first", "first.txt"),
        {**read, "arguments": {"path": "late.txt"}},
        on_failure="stop",
    )
    ended = served.until(run)
    assert ended["status"] == "failed"
    assert ended["error"]["node"] == "read"
    assert "late.txt" in ended["error"]["message"]
    (served.server.root / "late.txt").write_text("it came")
    (served.server.root / "first.txt").unlink()
    again = served.call("workflow_retry", workflow_id=run)["workflow_id"]
    assert again != run
    state = served.until(again)
    assert state["status"] == "succeeded"
    assert state["parent"] == run
    assert not (served.server.root / "first.txt").exists(), "what was done is not done again"


def test_retry_does_what_a_map_has_done_not_again(served: Flows) -> None:
    root = served.server.root
    move = {"path": "${item}.txt", "new_path": "moved-${item}.txt"}
    moved = {"kind": "action", "tool": "file_move", "arguments": move}
    read = {"id": "read", "kind": "action", "tool": "file_read", "needs": ["move"]}
    inner = {
        "name": "moves",
        "parameters": {"type": "object", "properties": {"file": {"type": "string"}}},
        "nodes": [
            {"id": "move", **moved, "arguments": _in_a_part(move)},
            {**read, "arguments": {"path": "late-${parameters.file}.txt"}},
        ],
    }
    nested = {"kind": "subworkflow", "workflow": inner, "parameters": {"file": "${item}"}}
    for name, work, late in (("flat", moved, "b.txt"), ("nested", nested, "late-d.txt")):
        files = ["a", "b"] if name == "flat" else ["c", "d"]
        there = {"a.txt", "c.txt", "late-c.txt", "d.txt"} - {late}
        for file in there:
            (root / file).write_text(file)
        run = served.start({"id": "each", "kind": "map", "over": files, "node": work})
        ended = served.until(run)
        assert ended["status"] == "failed", ended
        (root / late).write_text(late)
        again = served.call("workflow_retry", workflow_id=run)["workflow_id"]
        state = served.until(again)
        assert state["status"] == "succeeded", "a file that was moved cannot be moved again"
        assert len(state["nodes"][0]["output"]) == len(files)


def _in_a_part(arguments: dict[str, str]) -> dict[str, str]:
    return {name: text.replace("item", "parameters.file") for name, text in arguments.items()}


def test_fork_does_a_node_and_what_follows_again(served: Flows) -> None:
    root = served.server.root
    run = served.start(
        write("one", "one.txt"),
        write("two", "two.txt", needs=["one"]),
        write("three", "three.txt", needs=["two"]),
    )
    assert served.until(run)["status"] == "succeeded"
    for name in ("one", "two", "three"):
        (root / f"{name}.txt").unlink()
    again = served.call("workflow_fork", workflow_id=run, node="two")["workflow_id"]
    assert served.until(again)["status"] == "succeeded"
    left = {name for name in ("one", "two", "three") if (root / f"{name}.txt").exists()}
    assert left == {"two", "three"}


def test_a_failure_takes_back_what_was_done(served: Flows) -> None:
    undo = {"path": "undone.txt", "content": "${nodes.made.output.path}"}
    run = served.start(
        write("made", "made.txt", compensate={"tool": "file_write", "arguments": undo}),
        value("bad", "1 / int(nodes.made.output.path.size() - 8)"),
    )
    ended = served.until(run)
    assert ended["status"] == "compensated", ended
    assert ended["error"]["node"] == "bad"
    assert served.node(run, "made")["status"] == "compensated"
    assert (served.server.root / "undone.txt").read_text() == "made.txt"
