"""A worker's calls at a real server: by whose rights, while it is away, and what is done once."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from jupyter_mcp.security.principal import Principal
from jupyter_mcp.storage.tables import audit
from jupyter_mcp.toolsets.workflows.engine.resources import EVERY, PLACES
from support.clients_of_ours import OurClient, ask, client_of
from support.plugins import plugin_environment
from support.server import JupyterServer
from support.workers import ANN, Bench, calling, state_of

AWAY = "the Jupyter server is not running"
OWNER = Principal("token:owner", "token", credential="the server's own")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of these tests, below a base URL."""
    home = tmp_path_factory.mktemp("workflows")
    toolsets = {"probe": "support.probe:Probe", "effects": "support.effects:Effects"}
    environment = plugin_environment(home, **toolsets)
    with JupyterServer(
        home, collaboration=False, base_url="/user/ann/", env=environment
    ) as running:
        yield running


@pytest.fixture(scope="module")
def worker(server: JupyterServer) -> Iterator[Bench]:
    """The worker of that server."""
    made = Bench(state_of(server), server.environment)
    made.start()
    yield made
    made.stop()


def effects(server: JupyterServer) -> Counter[str]:
    file = server.root / "effects.txt"
    return Counter(file.read_text().splitlines() if file.exists() else ())


async def until_effect(server: JupyterServer, line: str, seconds: float = 60.0) -> float:
    """Return when an effect was seen."""
    until = time.monotonic() + seconds
    while line not in effects(server):
        assert time.monotonic() < until, effects(server)
        await asyncio.sleep(0.01)
    return time.monotonic()


def owner_of(client: OurClient) -> Principal:
    """Return who shows a client's token."""
    scopes = frozenset(client.made["scopes"])
    name = f"token:{client.id}"
    return Principal(name, "agent", scopes, "its", kind="client", token=client.id, maker=ANN)


async def test_a_node_acts_as_its_owner_and_the_audit_says_so(worker: Bench) -> None:
    run = await worker.put(calling(("probe_who", {}), ("probe_echo", {"text": "hello"})))
    await worker.ended(run)
    nodes = await worker.nodes(run)
    assert nodes["c0"].output["id"] == ANN.id
    assert nodes["c0"].output["scopes"] == ["admin", "edit", "execute", "read"]
    assert nodes["c1"].output == {"result": "hello"}

    def recorded(connection: Any) -> list[Any]:
        mine = select(audit).where(audit.c.client == f"workflow {run}")
        return list(connection.execute(mine.order_by(audit.c.id)))

    until = time.monotonic() + 60
    while len(rows := await worker.storage.run(recorded)) < 2:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    assert {row.door for row in rows} == {"workflow"}
    assert {row.principal for row in rows} == {ANN.id}
    told = [json.loads(row.record)["notes"]["workflow"] for row in rows]
    assert told == [{"run": run, "node": "c0"}, {"run": run, "node": "c1"}]


@pytest.mark.parametrize("key", ["invoice 7", "Rechnung-für-Ann", "k" * 201])
async def test_what_has_the_same_key_is_done_once_whatever_the_key_is(
    server: JupyterServer, worker: Bench, key: str
) -> None:
    spec = calling(("effect", {"name": key}))
    spec["nodes"][0]["idempotency_key"] = key
    for _ in range(2):
        await worker.ended(await worker.put(spec))
    assert effects(server)[key] == 1


async def test_what_another_run_failed_in_is_done_under_the_same_key_until_it_succeeds(
    server: JupyterServer, worker: Bench
) -> None:
    kernel = ask(server, "kernel_start")["kernel_id"]
    code = "open('tries.txt', 'a').write('x')\nprint(open('report.txt').read())"
    spec = calling(("kernel_execute", {"kernel_id": kernel, "code": code}))
    spec["nodes"][0]["idempotency_key"] = "report-2026-11-22"
    first = await worker.ended(await worker.put(spec), "failed")
    assert first.error is not None
    assert "report.txt" in first.error["message"]
    (server.root / "report.txt").write_text("It is there.")
    for _ in range(2):
        await worker.ended(await worker.put(spec))
    assert (server.root / "tries.txt").read_text() == "xx", "once in vain, and once"


async def test_what_a_node_has_read_of_strangers_is_noted_with_its_run(worker: Bench) -> None:
    run = await worker.put(calling(("probe_who", {}), ("effect_page", {})))
    await worker.ended(run)
    assert (await worker.run(run)).untrusted == "effect_page"
    own = await worker.put(calling(("probe_who", {})))
    await worker.ended(own)
    assert (await worker.run(own)).untrusted == ""


async def test_a_node_does_no_more_than_its_owner_was_allowed(
    server: JupyterServer, worker: Bench
) -> None:
    reader = owner_of(client_of(server, "read"))
    run = await worker.put(calling(("effect", {"name": "forbidden"})), reader)
    found = await worker.ended(run, "failed")
    assert found.error is not None
    assert found.error["code"] == "forbidden"
    assert not effects(server)["forbidden"]


async def test_a_server_that_is_killed_twice_and_moves_does_each_effect_once(
    server: JupyterServer, worker: Bench
) -> None:
    names = [f"moved-{number}" for number in range(6)]
    runs = [
        await worker.put(calling(*(("effect", {"name": f"{name}-{at}"}) for at in range(4))))
        for name in names
    ]
    ports = [server.port]
    for _ in range(2):
        server.kill()
        slow = await worker.put(calling(("effect", {"name": f"slow-{len(ports)}"})))
        await worker.until(slow, lambda run: run.reason == AWAY)
        assert (await worker.nodes(slow))["c0"].status == "waiting"
        assert (await worker.run(slow)).status == "waiting"
        runs.append(slow)
        server.port = 0
        await asyncio.to_thread(server.start)
        ports.append(server.port)
    for run in runs:
        found = await worker.ended(run)
        assert not found.reason
    assert len(set(ports)) == 3
    seen = effects(server)
    expected = [f"{name}-{at}" for name in names for at in range(4)] + ["slow-1", "slow-2"]
    assert {name: seen[name] for name in expected} == dict.fromkeys(expected, 1)


async def test_a_call_that_was_cut_off_is_made_again_with_its_key(
    server: JupyterServer, worker: Bench
) -> None:
    run = await worker.put(calling(("effect_stuck", {"name": "cut"})))
    await until_effect(server, "cut began")
    server.kill()
    await worker.until(run, lambda found: found.reason == AWAY)
    await asyncio.to_thread(server.start)
    until = time.monotonic() + 60
    while effects(server)["cut began"] < 2:
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    await worker.until(run, lambda found: not found.reason)
    node = await worker.until_node(run, "c0", lambda found: found.progress)
    assert (node.status, node.progress["message"]) == ("running", "half of it")
    await worker.records.want(run, "cancelled")
    await worker.ended(run, "cancelled")


async def test_cancelling_a_run_ends_its_call_at_the_server_at_once(
    server: JupyterServer, worker: Bench
) -> None:
    run = await worker.put(calling(("effect_stuck", {"name": "cancelled"})))
    await until_effect(server, "cancelled began")
    asked = time.monotonic()
    await worker.records.want(run, "cancelled")
    assert await until_effect(server, "cancelled ended") - asked < 5.0
    await worker.ended(run, "cancelled")
    assert (await worker.nodes(run))["c0"].status == "cancelled"


async def test_a_run_of_a_revoked_token_waits_and_does_nothing_more(
    server: JupyterServer, worker: Bench
) -> None:
    client = client_of(server, "read", "edit", name="agent")
    owner = owner_of(client)
    first = await worker.put(calling(("effect", {"name": "before"})), owner)
    await worker.ended(first)
    ask(server, "token_revoke", token_id=client.id)
    run = await worker.put(calling(("effect", {"name": "revoked"})), owner)
    found = await worker.until(run, lambda each: each.reason.startswith("the access of"))
    assert found.reason.endswith("was ended: its token was revoked")
    await worker.begun(run, "c0", "waiting")
    await worker.records.want(run, "cancelled")
    await worker.ended(run, "cancelled")
    assert not effects(server)["revoked"]


async def test_a_run_that_is_not_let_in_stops_no_others(
    server: JupyterServer, worker: Bench
) -> None:
    client = client_of(server, "read", "edit", name="agent")
    owner = owner_of(client)
    ask(server, "token_revoke", token_id=client.id)
    call = {"kind": "action", "tool": "effect", "arguments": {"name": "none"}}
    many = [{"id": f"c{number}", **call} for number in range(PLACES[EVERY])]
    shut = await worker.put({"name": "many", "nodes": many}, owner)
    for node in many:
        await worker.begun(shut, node["id"], "waiting")
    await worker.ended(await worker.put(calling(("probe_echo", {"text": "x"}))))
    await worker.records.want(shut, "cancelled")
    await worker.ended(shut, "cancelled")


async def test_a_run_goes_on_when_its_owners_access_is_restored(
    server: JupyterServer, worker: Bench
) -> None:
    owner = Principal("user:bob", "bob", credential="bob's", kind="user", roles=("operator",))
    ask(server, "access_end", who="user:bob")
    run = await worker.put(calling(("probe_who", {})), owner)
    await worker.until(run, lambda each: "'bob' is shut out" in each.reason)
    ask(server, "access_restore", who="user:bob")
    await worker.ended(run)


async def test_a_paused_owners_run_waits_until_they_are_resumed(
    server: JupyterServer, worker: Bench
) -> None:
    ask(server, "agents_pause", target="user:ann")
    run = await worker.put(calling(("effect", {"name": "paused"})))
    await worker.until(run, lambda each: "paused" in each.reason)
    assert not effects(server)["paused"]
    ask(server, "agents_resume", target="user:ann")
    await worker.ended(run)


async def test_a_call_that_needs_a_yes_waits_for_a_person(
    server: JupyterServer, worker: Bench
) -> None:
    run = await worker.put(calling(("probe_edit", {})), OWNER)
    until = time.monotonic() + 60
    while not (waiting := ask(server, "approval_list")["waiting"]):
        assert time.monotonic() < until, await worker.run(run)
        await asyncio.sleep(0.05)
    assert waiting[0]["client"] == f"workflow {run}"
    ask(server, "approval_answer", approval_id=waiting[0]["id"], answer="once")
    await worker.ended(run)


async def test_a_tool_that_asks_while_it_runs_fails_with_the_remedy(worker: Bench) -> None:
    run = await worker.put(calling(("probe_ask", {"mark": "asked"})))
    found = await worker.ended(run, "failed")
    assert found.error is not None
    assert found.error["code"] == "unsupported"
    assert found.error["remedy"].startswith("Put an approval node before it")


async def test_nothing_secret_lies_in_logs_arguments_or_open_files(
    server: JupyterServer, worker: Bench
) -> None:
    await worker.ended(await worker.put(calling(("probe_echo", {"text": "x"}))))
    key = (worker.state / "worker.key").read_text()
    holder = await worker.holder()
    running = psutil.Process(holder.pid)
    for text in (worker.log, server.log, str(running.cmdline()), str(running.environ())):
        assert key not in text
        assert "eyJ" not in text
    for name in ("worker.key", "worker.json", "worker.lock", "workflows.db"):
        assert stat.S_IMODE((worker.state / name).stat().st_mode) == 0o600, name
