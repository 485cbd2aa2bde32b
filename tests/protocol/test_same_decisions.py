"""One decision at every door: both eras, HTTP, WebSocket and the HTTP API see and refuse alike.

Tokens of random scopes, toolsets and notebooks ask a real server for tools with random arguments.
Whatever is decided, every door has to tell the same list and the same outcome.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from jupyter_mcp import Client, ToolError
from support.clients import META, modern_request
from support.clients_of_ours import OurClient, ask, client_of
from support.handshakes import ACCEPT, events, open_session
from support.notebooks import code, write_notebook
from support.plugins import plugin_environment
from support.server import Answer, JupyterServer

POLICY = """
version: 1
subjects:
  - who: "token:student*"
    roles: [student]
  - who: "token:looker*"
    roles: [viewer]
roles:
  student:
    extends: [viewer]
    rules:
      - allow: {scope: [edit, execute], resource: "course/*"}
      - deny: {tool: probe_add, when: {a: {in: [13]}}}
        reason: Thirteen is not for students.
      - deny: {tool: kernel_execute}
"""
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "same", "version": "1"},
}
KINDS: list[dict[str, Any]] = [
    {"scopes": ["read"], "name": "narrow"},
    {"scopes": ["read", "edit", "execute"], "name": "wide"},
    {"scopes": ["edit"], "name": "blind"},
    {"scopes": ["read", "edit"], "name": "student of toolsets", "toolsets": ["probe", "jobs"]},
    {"scopes": ["read", "edit", "execute"], "name": "student"},
    {"scopes": ["read", "edit", "execute"], "name": "looker"},
    {"scopes": ["read", "edit"], "name": "of one course", "notebooks": ["course/*"]},
    {"scopes": ["read", "admin"], "name": "overseer"},
]
SEEN: set[str] = set()
"""What was decided so far."""

PATHS = st.sampled_from(
    ["course/a.ipynb", "other/a.ipynb", "course/../other/a.ipynb", "gone.ipynb"]
)
CALLS = st.one_of(
    st.tuples(st.just("probe_echo"), st.fixed_dictionaries({"text": st.text(max_size=5)})),
    st.tuples(
        st.just("probe_add"),
        st.fixed_dictionaries({"a": st.sampled_from([1, 13]), "b": st.just(2)}),
    ),
    st.tuples(st.just("probe_edit"), st.just({})),
    st.tuples(st.just("probe_fail"), st.just({"kind": "told"})),
    st.tuples(st.just("notebook_read"), st.fixed_dictionaries({"path": PATHS})),
    st.tuples(
        st.just("cell_insert"), st.fixed_dictionaries({"path": PATHS, "source": st.just("1")})
    ),
    st.tuples(
        st.just("cell_edit"),
        st.fixed_dictionaries({"path": PATHS, "cell_id": st.just("no"), "source": st.just("1")}),
    ),
    st.tuples(st.just("kernel_execute"), st.fixed_dictionaries({"code": st.just("1")})),
    st.tuples(st.just("kernel_stop"), st.just({"kernel_id": "gone"})),
    st.tuples(st.just("job_get"), st.just({"job_id": "gone"})),
    st.tuples(st.sampled_from(["token_list", "audit_signals", "agents_status"]), st.just({})),
    st.tuples(st.just("approval_answer"), st.just({"approval_id": "gone", "answer": "once"})),
    st.tuples(st.just("there_is_none"), st.just({})),
)


class Doors:
    """One client at every door of a server."""

    def __init__(self, server: JupyterServer, loop: asyncio.AbstractEventLoop, made: Any) -> None:
        self.client: OurClient = client_of(server, *made["scopes"], **_rest(made))
        self.loop = loop
        self._session, _ = open_session(server, **self.client.headers)
        self._sockets = {era: self._run(self._open(server, era)) for era in ("modern", "legacy")}

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask at every door of MCP and return the answers."""
        return {
            "http, modern": self._modern(method, params),
            "http, legacy": self._legacy(method, params),
            "socket, modern": self._run(self._frame("modern", method, {**params, "_meta": META})),
            "socket, legacy": self._run(self._frame("legacy", method, params)),
        }

    def api(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """Call a tool at the HTTP API."""
        return self.client.request("POST", f"jupyter_mcp/api/tools/{tool}?toolsets=all", arguments)

    def listed(self) -> Answer:
        """List the tools at the HTTP API."""
        return self.client.request("GET", "jupyter_mcp/api/tools?toolsets=all")

    def close(self) -> None:
        """Close the connections."""
        for socket in self._sockets.values():
            socket.close()
            self._run(_drained(socket))

    def _modern(self, method: str, params: dict[str, Any]) -> Any:
        body, headers = modern_request(method, params)
        return self.client.request("POST", "mcp?toolsets=all", body, **headers).json()

    def _legacy(self, method: str, params: dict[str, Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {**ACCEPT, "Mcp-Session-Id": self._session}
        answer = self.client.request("POST", "mcp?toolsets=all", body, **headers)
        if answer.headers["Content-Type"].startswith("application/json"):
            return answer.json()
        return next(told for _, told in events(answer) if told and told.get("id") == 1)

    async def _open(self, server: JupyterServer, era: str) -> WebSocketClientConnection:
        url = f"{server.url}mcp/ws?toolsets=all".replace("http://", "ws://")
        request = HTTPRequest(url, headers=self.client.headers)
        socket = await websocket_connect(request, subprotocols=["mcp"])
        if era == "legacy":
            hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}
            await socket.write_message(json.dumps(hello))
            await socket.read_message()
            ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            await socket.write_message(json.dumps(ready))
        return socket

    async def _frame(self, era: str, method: str, params: dict[str, Any]) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        await self._sockets[era].write_message(json.dumps(message))
        async with asyncio.timeout(30):
            while True:
                frame = await self._sockets[era].read_message()
                assert frame is not None
                found = json.loads(frame)
                if found.get("id") == 1:
                    return found

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)


async def _drained(socket: WebSocketClientConnection) -> None:
    async with asyncio.timeout(30):
        while await socket.read_message() is not None:
            continue


def _rest(made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name != "scopes"}


def outcome(answer: dict[str, Any]) -> str:
    """Return the code of a failed call or of an error; ``ok`` else."""
    if "error" in answer:
        return str((answer["error"].get("data") or {}).get("code", answer["error"]["code"]))
    result = answer["result"]
    if not result.get("isError"):
        return "ok"
    return str(result["structuredContent"]["error"]["code"])


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Doors]]:
    """A client of each kind at every door of one server."""
    home: Path = tmp_path_factory.mktemp("same")
    for folder in ("course", "other"):
        (home / "root" / folder).mkdir(parents=True)
        write_notebook(home / "root" / folder / "a.ipynb", code("1", "a"))
    policy = home / "policy.yaml"
    policy.write_text(POLICY)
    environment = plugin_environment(home, probe="support.probe:Probe")
    options = {"JupyterMCP": {"policy_file": str(policy), "approval_seconds": 1.0}}
    with (
        JupyterServer(home, collaboration=False, env=environment, config=options) as server,
        asyncio.Runner() as runner,
    ):
        opened = [Doors(server, runner.get_loop(), made) for made in KINDS]
        yield opened
        for each in opened:
            each.close()


def test_every_door_lists_the_same(doors: list[Doors]) -> None:
    seen = []
    for each in doors:
        lists = {
            door: [tool["name"] for tool in answer["result"]["tools"]]
            for door, answer in each.ask("tools/list", {}).items()
        }
        lists["api"] = [tool["name"] for tool in each.listed().json()["tools"]]
        assert len({tuple(names) for names in lists.values()}) == 1, lists
        seen.append(tuple(lists["api"]))
    assert len(set(seen)) >= 6, "tokens of different kinds see different things"
    for each, names in zip(doors, seen, strict=True):
        scopes = set(each.client.made["scopes"])
        assert ("probe_edit" in names) <= ("edit" in scopes)
        assert ("token_list" in names) is ("admin" in scopes)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(who=st.integers(0, len(KINDS) - 1), asked=CALLS)
def test_every_door_decides_the_same(
    doors: list[Doors], who: int, asked: tuple[str, dict[str, Any]]
) -> None:
    name, arguments = asked
    each = doors[who]
    answers = each.ask("tools/call", {"name": name, "arguments": arguments})
    outcomes = {door: outcome(answer) for door, answer in answers.items()}
    answer = each.api(name, arguments)
    told = answer.json()
    error = told.get("error") or (told.get("structured") or {}).get("error")
    outcomes["api"] = "ok" if answer.status == 200 else str(error["code"])
    assert len(set(outcomes.values())) == 1, (KINDS[who]["name"], asked, outcomes)
    SEEN.update(outcomes.values())


def test_a_viewers_forced_call_is_refused_and_audited_at_every_door(doors: list[Doors]) -> None:
    looker = next(each for each in doors if each.client.made["name"] == "looker")
    who = f"token:{looker.client.id}"
    server = looker.client.server
    wanted = {"principal": who, "tool": "cell_move", "outcome": "denied"}
    before = len(ask(server, "audit_search", **wanted)["records"])
    given = {"path": "course/a.ipynb", "cell_id": "a"}
    answers = looker.ask("tools/call", {"name": "cell_move", "arguments": given})
    assert {outcome(answer) for answer in answers.values()} == {"forbidden"}
    assert looker.api("cell_move", given).status == 403
    with Client(server.url, looker.client.token, toolsets="all") as magic:
        assert "cell_move" not in {tool.name for tool in magic.tools()}
        with pytest.raises(ToolError) as refused:
            magic.call("cell_move", **given)
        assert refused.value.code == "forbidden"
    records = ask(server, "audit_search", **wanted)["records"]
    assert len(records) == before + 6
    assert {record["error"] for record in records} == {"forbidden"}
    assert {record["door"] for record in records} >= {"mcp", "http"}


def test_the_decisions_were_of_every_sort() -> None:
    assert {"ok", "forbidden", "not_found", "denied", "conflict"} <= SEEN


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    who=st.integers(0, len(KINDS) - 1),
    uri=st.sampled_from(
        [
            "notebook://course/a.ipynb",
            "notebook://other/a.ipynb",
            "notebook://course/../other/a.ipynb",
            "cell://a/other/a.ipynb",
            "output://x",
            "probe://note/a",
            "no://where",
        ]
    ),
)
def test_every_door_reads_the_same_resources(doors: list[Doors], who: int, uri: str) -> None:
    answers = doors[who].ask("resources/read", {"uri": uri})
    outcomes = {door: outcome(answer) for door, answer in answers.items()}
    assert len(set(outcomes.values())) == 1, (KINDS[who]["name"], uri, outcomes)
