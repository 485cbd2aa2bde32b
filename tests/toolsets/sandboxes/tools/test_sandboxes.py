"""The tools of sandboxes, as a client calls them through the corridor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.principal import Principal
from support.runtimes import call
from support.sandboxes import sandbox_runtime
from support.workshops import Client

PERSON = Principal("user:ann", "ann", kind="person")
AGENT = Principal("token:owner", "owner", credential="o", kind="owner")
BEN = Principal("user:ben", "ben", kind="user", roles=("editor",))
READER = Principal("user:reader", "reader", kind="user", roles=("viewer",))


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with sandbox_runtime(tmp_path, sandbox_domains=("example.test",)) as started:
        yield started


async def do(runtime: Runtime, tool: str, who: Principal = PERSON, **arguments: Any) -> Any:
    result = await call(runtime, tool, who, **arguments)
    assert result.error is None, result.error
    return result.structured


async def refused(runtime: Runtime, tool: str, who: Principal = PERSON, **arguments: Any) -> Any:
    result = await call(runtime, tool, who, **arguments)
    assert result.error is not None, result
    return result.error


async def test_the_life_of_a_sandbox(runtime: Runtime) -> None:
    made = await do(
        runtime, "sandbox_create", name="tests", memory="256m", timeout=600, isolation="process"
    )
    assert made["sandbox_id"].startswith("sb-")
    assert (made["name"], made["status"], made["memory"]) == ("tests", "running", "256m")
    assert (made["isolation"], made["backend"]) == ("process", "process")
    assert set(made["limits"]) == {"memory", "pids", "cpu", "nofile", "disk"}
    assert any("Not isolated" in note for note in made["notes"])
    assert made["network"] is False
    assert datetime.fromisoformat(made["expires_at"]) < datetime.fromisoformat(made["ends_at"])

    listed = await do(runtime, "sandbox_list")
    assert [each["sandbox_id"] for each in listed["sandboxes"]] == [made["sandbox_id"]]
    later = await do(runtime, "sandbox_extend", sandbox_id="tests", seconds=5000)
    assert later["expires_at"] > made["expires_at"]
    paused = await do(runtime, "sandbox_pause", sandbox_id="tests")
    assert (paused["status"], paused.get("expires_at")) == ("paused", None)
    resumed = await do(runtime, "sandbox_resume", sandbox_id="tests")
    assert resumed["status"] == "running"
    assert resumed["isolation"] == "process"
    kept = await do(runtime, "sandbox_snapshot", sandbox_id="tests")
    gone = await do(runtime, "sandbox_destroy", sandbox_id="tests")
    assert (gone["sandbox_id"], gone["status"]) == (made["sandbox_id"], "destroyed")
    left = await do(runtime, "sandbox_list")
    assert left["sandboxes"] == []
    assert [each["snapshot_id"] for each in left["snapshots"]] == [kept["snapshot_id"]]
    again = await do(runtime, "sandbox_create", snapshot=kept["snapshot_id"])
    assert again["status"] == "running"


async def test_what_is_asked_for_is_told_in_one_line_with_a_remedy(runtime: Runtime) -> None:
    for arguments, code, word in (
        ({"memory": "lots"}, "invalid_arguments", "512m"),
        ({"memory": "900g"}, "invalid_arguments", "sandbox_memory"),
        ({"isolation": "container"}, "unavailable", "sandbox_backends"),
        ({"image": "python:3"}, "forbidden", "sandbox_images"),
        ({"image": "jupyter-mcp/dev:2"}, "unsupported", "image"),
        ({"mounts": ["data"]}, "forbidden", "sandbox_mounts"),
        ({"snapshot": "snap-1"}, "not_found", "sandbox_list"),
        ({"name": "Not A Name"}, "invalid_arguments", "lower-case"),
    ):
        error = await refused(runtime, "sandbox_create", **arguments)
        assert error.code == code, arguments
        assert word in error.remedy, arguments
    for tool in ("get", "pause", "resume", "snapshot", "destroy"):
        error = await refused(runtime, f"sandbox_{tool}", sandbox_id="none")
        assert error.code == "not_found"
        assert "sandbox_list" in error.remedy
    assert (await do(runtime, "sandbox_list"))["sandboxes"] == []


async def test_others_neither_see_nor_touch_it_and_readers_make_none(runtime: Runtime) -> None:
    made = await do(runtime, "sandbox_create", AGENT, name="mine")
    assert (await do(runtime, "sandbox_list", BEN))["sandboxes"] == []
    error = await refused(runtime, "sandbox_get", BEN, sandbox_id=made["sandbox_id"])
    assert error.code == "not_found"
    error = await refused(runtime, "sandbox_pause", BEN, sandbox_id=made["sandbox_id"])
    assert error.code == "forbidden", "an editor does not execute"
    assert (await refused(runtime, "sandbox_create", READER)).code == "forbidden"
    assert (await do(runtime, "sandbox_list", READER))["sandboxes"] == []
    seen = await do(runtime, "sandbox_list", PERSON)
    assert [each["name"] for each in seen["sandboxes"]] == ["mine"], "who oversees sees all"


@pytest.mark.parametrize("answer", ["accept", "decline"])
async def test_an_agent_asks_before_a_sandbox_gets_a_way_out(runtime: Runtime, answer: str) -> None:
    questions: list[str] = []

    def reply(request: Any) -> Mapping[str, Any]:
        questions.append(request.params["message"])
        return {"action": answer, "content": {"answer": "once"}}

    create = runtime.catalog.tool("sandbox_create", runtime.catalog.selection("all"))
    plain = await runtime.call(create, {}, AGENT, "test", channel=Client(reply))
    assert plain.error is None
    assert questions == []
    result = await runtime.call(create, {"network": True}, AGENT, "test", channel=Client(reply))
    assert len(questions) == 1
    assert "sandbox_create" in questions[0]
    if answer == "decline":
        assert result.error is not None
        assert result.error.code == "denied"
    left = (await do(runtime, "sandbox_list", AGENT))["sandboxes"]
    assert [each["network"] for each in left].count(True) <= (answer == "accept")


@pytest.mark.parametrize(("arguments", "asked"), [({"path": ""}, 1), ({"recipe": "base"}, 0)])
async def test_an_agent_asks_before_a_dockerfile_of_its_own_runs_with_a_network(
    runtime: Runtime, arguments: dict[str, Any], asked: int
) -> None:
    questions: list[str] = []

    def reply(request: Any) -> Mapping[str, Any]:
        questions.append(request.params["message"])
        return {"action": "decline"}

    build = runtime.catalog.tool("image_build", runtime.catalog.selection("all"))
    wanted = arguments | {"tag": "not-allowed:1"}  # so that nothing is built
    result = await runtime.call(build, wanted, AGENT, "test", channel=Client(reply))
    assert result.error is not None
    assert len(questions) == asked


async def test_without_domains_nobody_gets_a_network(tmp_path: Path) -> None:
    async with sandbox_runtime(tmp_path) as runtime:
        error = await refused(runtime, "sandbox_create", network=True)
        assert error.code == "forbidden"
        assert "sandbox_domains" in error.remedy


async def test_levels_say_what_holds(runtime: Runtime) -> None:
    (level,) = (await do(runtime, "sandbox_levels"))["levels"]
    assert (level["isolation"], level["available"]) == ("process", True)
    assert set(level["limits"]) == {"memory", "pids", "cpu", "nofile", "disk"}


async def test_levels_say_why_not(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    async with sandbox_runtime(tmp_path, "docker", docker_url=url) as runtime:
        (level,) = (await do(runtime, "sandbox_levels"))["levels"]
        assert level["available"] is False
        assert level["reason"]
        assert level["remedy"]
