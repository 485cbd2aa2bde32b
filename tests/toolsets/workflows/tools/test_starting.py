from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import ALL_SCOPES, Principal
from jupyter_mcp.toolsets.workflows.tools import notebooks
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset
from support.flow_desk import PERSON, Desk, desk
from support.queued import value
from support.runtimes import call

BOB = Principal(
    "user:bob", "bob", ALL_SCOPES - {"admin"}, credential="b", kind="user", roles=("operator",)
)
READ = {"id": "read", "kind": "action", "tool": "file_read", "arguments": {"path": "a.txt"}}


async def test_a_start_says_what_to_do_next_and_a_worker_is_asked_for(flow: Desk) -> None:
    result = await flow.call("workflow_start", spec={"name": "flow", "nodes": [value("a")]})
    assert result.structured is not None
    run = result.structured["workflow_id"]
    assert result.job == run, "so a client that knows tasks gets the run as one"
    assert result.structured["status"] == "pending"
    assert f"workflow_get(workflow_id='{run}'" in result.structured["next"]
    async with asyncio.timeout(30):
        while not flow.begun:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


async def test_parameters_have_their_defaults(flow: Desk) -> None:
    spec = "name: p\nparameters: {properties: {x: {type: integer, default: 3}, y: {}}}\n"
    spec += "nodes: [{id: a, kind: processing, expression: parameters.x}]\n"
    run = (await flow.get("workflow_start", spec=spec, parameters={"y": [1]}))["workflow_id"]
    service: Any = next(each for each in flow.runtime.catalog.toolsets if each.name == "workflows")
    found = await service.workflow_service.records.find(run)
    assert found.parameters == {"x": 3, "y": [1]}


TELL = {"id": "tell", "kind": "notification", "channel": "webhook", "body": "b"}
TELL |= {"to": "https://hooks.example.org/x"}

WRONG: list[tuple[str, Any, str, str]] = [
    (
        "cycle",
        [value("a", needs=["b"]), value("b", needs=["a"])],
        "nodes[0]",
        "wait for each other",
    ),
    ("node", [value("a", needs=["c"])], "nodes[0].needs[0]", "no node 'c'"),
    ("tool", [READ | {"tool": "file_reed"}], "nodes[0].tool", "no tool 'file_reed'"),
    ("argument", [READ | {"arguments": {"path": 3}}], "nodes[0].arguments.path", "not of type"),
    (
        "type between nodes",
        [value("a", "1 + 1"), READ | {"arguments": {"path": "${nodes.a.output}"}}],
        "nodes[1].arguments.path",
        "",
    ),
    ("parameter", [value("a", "parameters.x")], "nodes[0].expression", "no parameters"),
    ("expression", [value("a", "1 +")], "nodes[0].expression", ""),
    ("kind", [{"id": "a", "kind": "acton"}], "nodes[0].kind", "no kind 'acton'"),
    (
        "template",
        [{"id": "s", "kind": "subworkflow", "workflow": "gone@1.0.0"}],
        "nodes[0].workflow",
        "no template 'gone@1.0.0'",
    ),
    (
        "code",
        [{"id": "a", "kind": "processing", "kernel_id": "k", "code": "def run(input) return"}],
        "nodes[0].code",
        "The code is no Python: expected ':' (line 1 of it).",
    ),
    (
        "webhook",
        [value("a"), TELL],
        "nodes[1].to",
        "Notifications are not sent to 'hooks.example.org'.",
    ),
]


async def test_hosts_of_webhooks_are_left_to_workers_that_have_settings_of_their_own(
    flow: Desk,
) -> None:
    service: Any = next(each for each in flow.runtime.catalog.toolsets if each.name == "workflows")
    service.worker_process.is_distributed = True
    assert (await flow.get("workflow_check", spec={"name": "w", "nodes": [TELL]}))["ok"]


async def test_a_webhook_to_a_host_that_is_listed_is_taken(tmp_path: Path) -> None:
    async with desk(tmp_path, workflow_webhook_hosts=("*.example.org",)) as flow:
        await flow.start(TELL)


@pytest.mark.parametrize(("what", "nodes", "place", "said"), WRONG, ids=[each[0] for each in WRONG])
async def test_what_is_wrong_is_refused_with_its_place(
    flow: Desk, what: str, nodes: list[Any], place: str, said: str
) -> None:
    spec = {"name": what, "nodes": nodes}
    error = await flow.refused("workflow_start", spec=spec)
    assert error.code == "invalid_arguments"
    assert error.data["problems"][0]["place"] == place, error.data
    assert said in error.message
    assert "\n" not in error.message
    checked = await flow.get("workflow_check", spec=spec)
    assert not checked["ok"]
    assert checked["problems"] == error.data["problems"]
    assert (await flow.get("workflow_list"))["workflows"] == []


async def test_a_missing_parameter_is_refused(flow: Desk) -> None:
    schema = {"properties": {"x": {"type": "integer"}}, "required": ["x"]}
    spec = {"name": "p", "parameters": schema, "nodes": [value("a", "parameters.x")]}
    assert "x" in (await flow.refused("workflow_start", spec=spec)).message
    wrong = await flow.refused("workflow_start", spec=spec, parameters={"x": "1"})
    assert "'x'" in wrong.message
    assert (await flow.get("workflow_check", spec=spec))["ok"], "without parameters it is right"
    assert not (await flow.get("workflow_check", spec=spec, parameters={}))["ok"]


async def test_problems_in_text_have_lines(flow: Desk) -> None:
    text = "name: x\nnodes:\n  - {id: a, kind: processing, expression: '1 +'}\n"
    checked = await flow.get("workflow_check", spec=text)
    assert (checked["problems"][0]["line"], checked["name"]) == (3, "x")
    unreadable = await flow.get("workflow_check", spec="name: [")
    assert not unreadable["ok"]


@pytest.mark.parametrize("arguments", [{}, {"spec": "name: x", "template": "y"}])
async def test_a_workflow_is_started_from_one_thing(flow: Desk, arguments: Any) -> None:
    assert "one thing" in (await flow.refused("workflow_start", **arguments)).message


async def test_a_tool_that_its_owner_may_not_call_is_none(flow: Desk) -> None:
    only = frozenset({"workflows"})
    narrow = Principal("token:x", "x", kind="client", maker=PERSON, token="x", toolsets=only)
    spec = {"name": "x", "nodes": [READ]}
    assert (
        "no tool 'file_read'" in (await flow.refused("workflow_start", narrow, spec=spec)).message
    )


async def test_one_with_a_deduplication_goes_on_at_a_time(flow: Desk) -> None:
    first = await flow.start(deduplication="d")
    result = await flow.call(
        "workflow_start", spec={"name": "flow", "nodes": [value("a")]}, deduplication="d"
    )
    assert result.job == first
    assert "goes on already" in result.content[0].text  # type: ignore[union-attr]


async def test_why_no_worker_can_be_started_is_told_of_the_run(flow: Desk) -> None:
    flow.failure = ToolError("unavailable", "There is no room for a process.", "Make some.")
    run = await flow.start()
    async with asyncio.timeout(30):
        while not (state := await flow.get("workflow_get", workflow_id=run)).get("reason"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "no room for a process" in state["reason"]


async def test_nodes_are_told_in_order_with_their_times(flow: Desk) -> None:
    run = await flow.start(value("b", "nodes.a.output"), value("a"))
    await flow.tell(run, status="running", started=2.0, executor="w")
    await flow.tell_node(run, "a", status="succeeded", started=2.0, ended=3.5, attempts=2, output=1)
    state = await flow.get("workflow_get", workflow_id=run)
    assert [each["id"] for each in state["nodes"]] == ["a", "b"]
    node = state["nodes"][0]
    assert (node["status"], node["attempts"], node["output"]) == ("succeeded", 2, 1)
    assert (node["started_at"], node["ended_at"]) == (
        "1970-01-01T00:00:02.000Z",
        "1970-01-01T00:00:03.500Z",
    )
    assert state["nodes"][1]["status"] == "pending"


async def test_one_node_is_told_whole(flow: Desk) -> None:
    run = await flow.start(value("a"), value("b"))
    long = "z" * 50_000
    await flow.tell_node(run, "a", status="succeeded", input={"i": 1}, output=long, log="said")
    short = await flow.get("workflow_get", workflow_id=run)
    assert short["nodes"][0]["output_chars"] == len(long) + 2
    whole = (await flow.get("workflow_get", workflow_id=run, node="a"))["nodes"][0]
    assert (whole["output"], whole["input"], whole["log"]) == (long, {"i": 1}, "said")
    error = await flow.refused("workflow_get", workflow_id=run, node="c")
    assert error.code == "not_found"


async def test_who_waits_is_told_of_the_end_when_it_comes(flow: Desk) -> None:
    run = await flow.start()
    waiting = asyncio.create_task(flow.get("workflow_get", workflow_id=run, wait=30))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    now = (await flow.get("workflow_get", workflow_id=run))["created_at"]
    assert now
    await flow.tell(run, status="succeeded", ended=time.time(), updated=time.time())
    assert (await asyncio.wait_for(waiting, 30))["status"] == "succeeded"


async def test_runs_of_others_are_not_there(flow: Desk) -> None:
    run = await flow.start()
    for tool in ("workflow_get", "workflow_cancel", "workflow_retry", "job_get"):
        argument = "job_id" if tool == "job_get" else "workflow_id"
        error = await flow.refused(tool, BOB, **{argument: run})
        assert error.code == "not_found", tool
    assert (await flow.get("workflow_list", BOB))["workflows"] == []
    assert (await flow.get("job_list", BOB, kind="workflow"))["jobs"] == []


async def test_runs_are_listed_page_by_page(flow: Desk) -> None:
    runs = [await flow.start() for _ in range(5)]
    first = await flow.get("workflow_list", limit=2)
    second = await flow.get("workflow_list", limit=10, cursor=first["cursor"])
    assert [each["workflow_id"] for each in first["workflows"]] == runs[:2:-1]
    assert [each["workflow_id"] for each in second["workflows"]] == runs[2::-1]
    assert second["cursor"] == ""
    await flow.tell(runs[0], status="failed")
    failed = await flow.get("workflow_list", status="failed")
    assert [each["workflow_id"] for each in failed["workflows"]] == [runs[0]]
    assert len((await flow.get("workflow_list", status="active"))["workflows"]) == 4
    assert "No workflow is 'odd'" in (await flow.refused("workflow_list", status="odd")).message
    assert "cursor" in (await flow.refused("workflow_list", cursor="odd")).message


async def test_tagged_cells_of_a_notebook_are_started(tmp_path: Path) -> None:
    from support.workshops import workshop

    spec = "name: nightly\nversion: 1.0.0"
    tagged = {"cell_type": "raw", "metadata": {"tags": ["workflow"]}, "source": spec, "id": "w"}
    node = "channel: panel\nbody: Done."
    tags = ["node:tell", "kind:notification"]
    told = {"cell_type": "raw", "metadata": {"tags": tags}, "source": node, "id": "t"}
    async with workshop(tmp_path) as shop:
        write = {"cells": [tagged, told], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / "root").mkdir(exist_ok=True)
        root = shop.runtime.host.root
        assert root is not None
        (root / "flow.ipynb").write_text(json.dumps(write))
        checked = await call(shop.runtime, "workflow_check", PERSON, notebook="flow.ipynb")
        assert checked.structured["ok"], checked
        assert (checked.structured["name"], checked.structured["nodes"]) == ("nightly", 1)
        gone = await call(shop.runtime, "workflow_check", PERSON, notebook="gone.ipynb")
        assert gone.error.code == "not_found"
        (root / "plain.txt").write_text("no notebook")
        wrong = await call(shop.runtime, "workflow_start", PERSON, notebook="plain.txt")
        assert wrong.error.code == "invalid_arguments"
        both = {"spec": {"name": "a", "nodes": []}, "notebook": "flow.ipynb"}
        for tool in ("workflow_check", "workflow_start"):
            refused = await call(shop.runtime, tool, PERSON, **both)
            assert "one thing" in refused.error.message


async def test_a_notebook_that_is_missing_is_refused_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.workshops import workshop

    run = {"id": "run", "kind": "notebook", "path": "gone.ipynb"}
    make = {"id": "make", "kind": "action", "tool": "file_write"}
    make["arguments"] = {"path": "gone.ipynb", "content": "{}"}
    for_one = {"id": "one", "kind": "notebook", "path": "here.ipynb"}
    monkeypatch.setattr(WorkflowToolset, "_begin_worker", _nobody)
    async with workshop(tmp_path) as shop:
        root = shop.runtime.host.root
        assert root is not None
        (root / "here.ipynb").write_text("{}")
        wrong = {"name": "w", "nodes": [for_one, run]}
        refused = await call(shop.runtime, "workflow_start", PERSON, spec=wrong)
        assert refused.error.code == "invalid_arguments"
        (told,) = refused.error.data["problems"]
        assert told["place"] == "nodes[1].path"
        assert told["message"] == "There is no notebook 'gone.ipynb'."
        checked = await call(shop.runtime, "workflow_check", PERSON, spec=wrong)
        assert checked.structured["problems"] == [told]
        right = {"name": "w", "nodes": [make, run | {"needs": ["make"]}]}
        started = await call(shop.runtime, "workflow_start", PERSON, spec=right)
        assert not started.is_error, started


async def _nobody(_: WorkflowToolset) -> None:
    """Stand for a worker."""


async def test_a_notebook_that_cannot_be_looked_for_soon_is_left_to_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Asking:
        """A call whose every other call has to be approved by a person who is away."""

        async def call(self, tool: str, arguments: dict[str, Any]) -> Any:
            del tool, arguments
            await asyncio.Event().wait()

    ctx: Any = Asking()
    monkeypatch.setattr(notebooks, "LOOK_SECONDS", 0.01)
    assert await notebooks.gone(ctx, ["gone.ipynb"]) == set()


async def test_where_files_cannot_be_read_a_notebook_is_left_to_the_run(flow: Desk) -> None:
    run = {"id": "run", "kind": "notebook", "path": "gone.ipynb"}
    assert (await flow.get("workflow_check", spec={"name": "w", "nodes": [run]}))["ok"]
