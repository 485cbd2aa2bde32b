"""The door at which a worker asks for its owners' rights."""

from __future__ import annotations

import asyncio
import stat
from typing import Any

import pytest

from jupyter_mcp.security import recorded
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.worker_key import WorkerKey
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.tables import workflow_runs
from support.clients import modern_request
from support.clients_of_ours import ask, client_of
from support.server import Answer, JupyterServer
from support.workers import chain, state_of

DOOR = "mcp/worker/token"
ANN = Principal("user:ann", "ann", frozenset({"read", "edit"}), "ann's", kind="person")


def put(
    server: JupyterServer, run: str, owner: Principal = ANN, status: str = "running", home: str = ""
) -> None:
    """Put a run into the server's database."""
    row = {
        "id": run,
        "owner": owner.id,
        "principal": recorded.to_json(owner),
        "name": "x",
        "spec": chain(1),
        "spec_hash": "h",
        "parameters": {},
        "status": status,
        "created": 1.0,
        "home": home,
    }
    storage = Storage(state_of(server))

    async def insert() -> None:
        await storage.run(lambda connection: connection.execute(workflow_runs.insert().values(row)))

    asyncio.run(insert())
    storage.stop()


def key_of(server: JupyterServer) -> str:
    return WorkerKey(state_of(server)).prepare()


def token(server: JupyterServer, body: Any, key: str = "", **headers: str) -> Answer:
    sent = {"Authorization": f"Bearer {key or key_of(server)}", **headers}
    return server.request("POST", DOOR, body, sent, token=False)


def who(server: JupyterServer, shown: str) -> Answer:
    body, headers = modern_request("tools/call", {"name": "probe_who", "arguments": {}})
    sent = {**headers, "Authorization": f"Bearer {shown}"}
    return server.request("POST", "mcp?toolsets=all", body, sent, token=False)


def test_the_key_gives_the_owners_rights_and_no_more(probed: JupyterServer) -> None:
    put(probed, "wf-rights")
    answer = token(probed, {"run": "wf-rights"})
    assert answer.status == 200
    told = who(probed, answer.json()["access_token"]).json()["result"]["structuredContent"]
    assert told["id"] == "user:ann"
    assert told["scopes"] == ["edit", "read"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_its_file_is_for_its_account_alone(probed: JupyterServer) -> None:
    key = key_of(probed)
    file = state_of(probed) / "worker.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == key
    assert len(key) > 40


@pytest.mark.parametrize("shown", ["wrong", "jmcp-worker-wrong", "jmcp-worker-", "eyJ0.e.f"])
def test_without_the_key_nobody_gets_anything(probed: JupyterServer, shown: str) -> None:
    put_once = token(probed, {"run": "wf-rights"}, shown)
    assert put_once.status == 401
    assert b"access_token" not in put_once.body


def test_neither_the_servers_token_nor_a_workflows_own_is_the_key(probed: JupyterServer) -> None:
    put(probed, "wf-own")
    own = token(probed, {"run": "wf-own"}).json()["access_token"]
    for shown in (probed.token, own):
        assert token(probed, {"run": "wf-own"}, shown).status == 401


def test_a_worker_is_told_whose_runs_it_does(probed: JupyterServer) -> None:
    answer = token(probed, {})
    assert (answer.status, answer.json()) == (200, {"home": ""}), "SQLite has one home"
    assert token(probed, {}, "jmcp-worker-wrong").status == 401


def test_nobody_acts_for_a_run_of_another_server_in_the_same_database(
    probed: JupyterServer,
) -> None:
    put(probed, "wf-strange", home="another")
    assert token(probed, {"run": "wf-strange"}).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[1]", 400),
        ({"run": 7}, 400),
        ({"run": ""}, 400),
        ({"run": "x" * 65}, 400),
        ({"run": "wf-unknown"}, 404),
        (b"x" * 5000, 413),
        (b"[" * 4000, 400),
    ],
)
def test_bad_input_is_refused_in_one_line(probed: JupyterServer, body: Any, status: int) -> None:
    answer = token(probed, body)
    assert answer.status == status
    assert "\n" not in answer.json()["error"]["message"]


def test_pages_and_other_hosts_are_refused(probed: JupyterServer) -> None:
    put(probed, "wf-page")
    for headers in ({"Origin": "https://evil.test"}, {"Host": "evil.test"}):
        assert token(probed, {"run": "wf-page"}, **headers).status == 403


def test_nobody_acts_for_a_run_that_has_ended(probed: JupyterServer) -> None:
    put(probed, "wf-ended", status="succeeded")
    assert token(probed, {"run": "wf-ended"}).status == 404


def test_what_was_given_ends_with_the_owners_token(probed: JupyterServer) -> None:
    client = client_of(probed, "read")
    family = f"token:{client.id}"
    owner = Principal(family, "agent", ANN.scopes, "c", kind="client", token=client.id, maker=ANN)
    put(probed, "wf-client", owner)
    given = token(probed, {"run": "wf-client"}).json()["access_token"]
    assert who(probed, given).status == 200
    ask(probed, "token_revoke", token_id=client.id)
    assert who(probed, given).status == 401
    refused = token(probed, {"run": "wf-client"})
    assert refused.status == 403
    assert "token was revoked" in refused.json()["error"]["message"]


def test_what_was_given_ends_with_the_owners_access(probed: JupyterServer) -> None:
    eve = Principal("user:eve", "eve", credential="eve's", kind="user", roles=("operator",))
    put(probed, "wf-eve", eve)
    given = token(probed, {"run": "wf-eve"}).json()["access_token"]
    assert who(probed, given).status == 200
    ask(probed, "access_end", who="user:eve")
    assert who(probed, given).status == 401
    assert token(probed, {"run": "wf-eve"}).status == 403
    ask(probed, "access_restore", who="user:eve")
    assert who(probed, given).status == 200


def test_guessing_is_bounded(probed: JupyterServer) -> None:
    statuses = {token(probed, {"run": "x"}, f"jmcp-worker-{n}").status for n in range(25)}
    assert statuses == {401, 429}
