"""The stop button on a real server: agents at work, a kernel that runs, both eras."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import types

from support.clients import MODERN, connected
from support.commands import run
from support.people import Person
from support.server import JupyterServer, wait_until

ERAS = [MODERN, "legacy"]
LOOPS = "print('began', flush=True)\nfor _ in range(600):\n    import time; time.sleep(0.1)"


@pytest.fixture
def person(own_server: JupyterServer) -> Iterator[Person]:
    """The person, who lets everybody go on afterwards."""
    yield Person(own_server)
    assert "structured" in Person(own_server).call("agents_resume")


def code_of(result: types.CallToolResult) -> str:
    """Return the code of a failed result."""
    assert result.is_error
    error: dict[str, Any] = result.structured_content["error"]
    return str(error["code"])


async def running(person: Person, name: str) -> dict[str, Any]:
    """Wait until a call of that name runs."""

    def found() -> dict[str, Any] | None:
        calls = person.status()["calls"]["running"]
        return next((call for call in calls if call["name"] == name), None)

    call: dict[str, Any] = await asyncio.to_thread(
        wait_until, found, seconds=30, what=f"{name} runs"
    )
    return call


async def kernel(person: Person) -> str:
    """Start a kernel and return its id."""
    started = await asyncio.to_thread(person.call, "kernel_start")
    return str(started["structured"]["kernel_id"])


def in_kernel(person: Person, kernel_id: str, code: str) -> str:
    """Run code as the person, whom nobody pauses, and return what it printed."""
    done = person.call("kernel_execute", kernel_id=kernel_id, code=code)
    return str(done["content"])


@pytest.mark.parametrize("era", ERAS)
async def test_pausing_interrupts_a_running_kernel_at_once(
    own_server: JupyterServer, person: Person, era: str
) -> None:
    kernel_id = await kernel(person)
    async with connected(own_server, era) as client:
        arguments = {"kernel_id": kernel_id, "code": f"ended = False\n{LOOPS}\nended = True"}
        call = asyncio.create_task(client.call_tool("kernel_execute", arguments))
        await running(person, "kernel_execute")
        stopped = await asyncio.to_thread(run, own_server, "pause", "--reason", "lunch")
        assert stopped.stdout == "All agents paused; 1 cancelled.\n", stopped.stderr
        result = await asyncio.wait_for(call, 30)
        assert code_of(result) == "paused"
        assert "lunch" in str(result.content)
        assert "jupyter mcp resume" in str(result.content)
        assert code_of(await client.call_tool("probe_echo", {"text": "hi"})) == "paused"
        assert "idle" in await asyncio.to_thread(in_kernel, person, kernel_id, "print('idle')")
        resumed = await asyncio.to_thread(run, own_server, "resume")
        assert resumed.stdout == "All agents may go on.\n", resumed.stderr
        assert not (await client.call_tool("probe_echo", {"text": "hi"})).is_error


@pytest.mark.parametrize("era", ERAS)
async def test_read_only_lets_read_and_nothing_else(
    own_server: JupyterServer, person: Person, era: str
) -> None:
    async with connected(own_server, era) as client:
        reading = asyncio.create_task(client.call_tool("probe_wait", {"mark": era}))
        await running(person, "probe_wait")
        done = await asyncio.to_thread(run, own_server, "pause", "--read-only", "--json")
        assert '"mode": "read_only"' in done.stdout
        assert not (await client.call_tool("probe_echo", {"text": "hi"})).is_error
        assert code_of(await client.call_tool("kernel_start", {})) == "paused"
        assert not reading.done()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.usefixtures("person")
async def test_one_client_is_stopped_and_the_other_goes_on(own_server: JupyterServer) -> None:
    one = {"client_info": types.Implementation(name="Claude Code", version="2.1")}
    other = {"client_info": types.Implementation(name="cursor", version="1")}
    async with connected(own_server, **one) as first, connected(own_server, **other) as second:
        stopped = await asyncio.to_thread(run, own_server, "pause", "--client", "claude code")
        assert stopped.stdout == "client:claude code paused; 0 cancelled.\n", stopped.stderr
        assert code_of(await first.call_tool("probe_echo", {"text": "hi"})) == "paused"
        assert not (await second.call_tool("probe_echo", {"text": "hi"})).is_error
        shown = await asyncio.to_thread(run, own_server, "agents")
        lines = {line.split("  ")[0]: line for line in shown.stdout.splitlines()}
        assert "paused" in lines["Claude Code 2.1"]
        assert "running" in lines["cursor 1"]
        await asyncio.to_thread(run, own_server, "resume", "--target", "claude code")
        assert not (await first.call_tool("probe_echo", {"text": "hi"})).is_error


async def test_what_runs_may_be_left(own_server: JupyterServer, person: Person) -> None:
    kernel_id = await kernel(person)
    async with connected(own_server) as client:
        arguments = {"kernel_id": kernel_id, "code": LOOPS}
        call = asyncio.create_task(client.call_tool("kernel_execute", arguments))
        await running(person, "kernel_execute")
        done = await asyncio.to_thread(run, own_server, "pause", "--keep-running")
        assert "0 cancelled" in done.stdout
        assert code_of(await client.call_tool("kernel_start", {})) == "paused"
        assert not call.done()
        await asyncio.to_thread(person.call, "agents_pause")
        assert code_of(await asyncio.wait_for(call, 30)) == "paused"


async def test_background_jobs_of_agents_are_cancelled(
    own_server: JupyterServer, person: Person
) -> None:
    kernel_id = await kernel(person)
    async with connected(own_server) as client:
        arguments = {"kernel_id": kernel_id, "code": LOOPS, "background": True}
        begun = await client.call_tool("kernel_execute", arguments)
        assert not begun.is_error, begun
        job_id = begun.structured_content["job_id"]
        stopped = await asyncio.to_thread(person.call, "agents_pause", reason="enough")
        assert stopped["structured"]["ended"] == 1
        job = await asyncio.to_thread(person.call, "job_get", job_id=job_id, wait=30)
        assert job["structured"]["status"] == "cancelled"
    assert "free" in await asyncio.to_thread(in_kernel, person, kernel_id, "print('free')")


async def test_parked_questions_are_withdrawn(own_server: JupyterServer, person: Person) -> None:
    async with connected(own_server) as client:
        call = asyncio.create_task(client.call_tool("probe_edit", {}))
        question = await person.asked()
        await asyncio.to_thread(person.call, "agents_pause")
        assert code_of(await asyncio.wait_for(call, 30)) == "paused"
    assert person.waiting() == []
    late = await asyncio.to_thread(person.answer, question["id"], "once")
    assert late["structured"]["error"]["code"] == "not_found"


async def test_an_agent_can_stop_all_but_free_nobody(
    own_server: JupyterServer, person: Person
) -> None:
    async with connected(own_server) as client:
        assert not (await client.call_tool("agents_pause", {"reason": "I am lost"})).is_error
        state = await client.call_tool("agents_status", {})
        assert state.structured_content["mode"] == "paused"
        assert code_of(await client.call_tool("agents_resume", {})) in ("paused", "forbidden")
        looser = await client.call_tool("agents_pause", {"mode": "read_only"})
        assert code_of(looser) == "forbidden"
        mine = await client.call_tool("agents_pause", {"reason": "another"})
        assert mine.structured_content["stop"]["reason"] == "I am lost"
    status = await asyncio.to_thread(person.status)
    assert status["agents"]["mode"] == "paused"
    assert status["agents"]["reason"] == "I am lost"


async def test_a_stranger_is_told_what_a_word_too_many_means(
    own_server: JupyterServer, person: Person
) -> None:
    done = await asyncio.to_thread(run, own_server, "pause", "claude-code")
    assert done.returncode == 1
    assert "--target claude-code" in done.stderr
    assert person.status()["agents"]["mode"] == "running"


async def test_a_pause_outlives_the_server(tmp_path: Path) -> None:
    server = JupyterServer(tmp_path, collaboration=False)
    with server:
        Person(server).call("agents_pause", reason="overnight")
        Person(server).call("agents_pause", target="cursor", mode="read_only")
    with server:
        async with connected(server) as client:
            result = await client.call_tool("kernel_list", {})
        assert code_of(result) == "paused"
        assert "overnight" in str(result.content)
        stops = Person(server).status()["agents"]["stops"]
        assert {stop["target"]: stop["mode"] for stop in stops} == {
            "*": "paused",
            "client:cursor": "read_only",
        }
    offline = await asyncio.to_thread(run, server, "resume", "--root", str(server.root))
    assert "All agents may go on." in offline.stdout, offline.stderr
    with server:
        async with connected(server) as client:
            assert not (await client.call_tool("kernel_list", {})).is_error
