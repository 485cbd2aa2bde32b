"""Tokens for clients at every door of a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from support.clients import META, connected, modern_request
from support.clients_of_ours import OurClient, ask, client_of, person, refresh
from support.handshakes import ACCEPT, open_session, post
from support.plugins import plugin_environment
from support.server import Answer, JupyterServer

REFRESH = "jupyter_mcp/api/token/refresh"


@pytest.fixture(scope="module")
def tokened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of these tests alone."""
    home = tmp_path_factory.mktemp("tokened")
    environment = plugin_environment(home, probe="support.probe:Probe")
    options = {"JupyterMCP": {"cors_origins": ["https://page.test"]}}
    with JupyterServer(
        home, collaboration=False, base_url="/user/ann/", env=environment, config=options
    ) as running:
        yield running


async def socket_of(client: OurClient) -> WebSocketClientConnection:
    url = f"{client.server.url}mcp/ws?toolsets=all".replace("http://", "ws://")
    request = HTTPRequest(url, headers=client.headers)
    return await websocket_connect(request, subprotocols=["mcp"])


def frame(method: str, number: int, **params: object) -> str:
    message = {
        "jsonrpc": "2.0",
        "id": number,
        "method": method,
        "params": {**params, "_meta": META},
    }
    return json.dumps(message)


def is_refused(answer: Answer) -> bool:
    """Tell whether an answer is the one refusal of all tokens that are not good."""
    challenge = answer.headers.get("Www-Authenticate", "")
    return (
        answer.status == 401
        and 'error="invalid_token"' in challenge
        and "resource_metadata=" in challenge
        and "This token is not good here." in answer.body.decode()
    )


@pytest.mark.parametrize("form", ["refreshing", "static"])
@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
async def test_a_token_works_on_mcp_in_both_eras(
    tokened: JupyterServer, era: str, form: str
) -> None:
    client = client_of(tokened, form=form, name="my agent")
    async with connected(tokened, era, headers=client.headers) as mcp:
        told = await mcp.call_tool("probe_who", {})
    assert told.structured_content is not None
    assert told.structured_content["id"] == f"token:{client.id}"
    assert told.structured_content["scopes"] == ["edit", "execute", "read"]


async def test_a_token_works_on_the_websocket_and_the_http_api(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    socket = await socket_of(client)
    await socket.write_message(frame("tools/call", 1, name="probe_who", arguments={}))
    message = await socket.read_message()
    socket.close()
    await closed(socket)
    assert f"token:{client.id}" in str(message)
    told = client.request("POST", "jupyter_mcp/api/tools/probe_who", {})
    assert told.json()["structured"]["id"] == f"token:{client.id}"


@pytest.mark.parametrize("form", ["refreshing", "static"])
def test_a_token_opens_none_of_jupyters_own_routes(tokened: JupyterServer, form: str) -> None:
    client = client_of(tokened, form=form)
    assert client.request("GET", "jupyter_mcp/api/status").status == 200
    for path in ("api/contents", "api/kernels", "api/sessions", "api/me", "api/terminals"):
        answers = [
            client.request("GET", path),
            tokened.request("GET", f"{path}?token={client.token}", token=False),
            tokened.request(
                "GET", path, headers={"Authorization": f"token {client.token}"}, token=False
            ),
        ]
        assert {answer.status for answer in answers} <= {401, 403}
    assert client.request("GET", "jupyter_mcp/panel").status in (403, 426)


def test_a_client_does_not_pose_as_a_page_of_jupyterlab(tokened: JupyterServer) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    answer = client_of(tokened).request("GET", "jupyter_mcp/panel", **handshake)
    assert (answer.status, answer.json()["error"]["code"]) == (403, "forbidden")


def test_what_a_token_may_not_it_neither_sees_nor_does(tokened: JupyterServer) -> None:
    client = client_of(tokened, "read")
    tools = client.request("GET", "jupyter_mcp/api/tools?toolsets=all").json()["tools"]
    assert {tool["scope"] for tool in tools} == {"read"}
    assert client.call("probe_edit").json()["result"]["isError"]


def test_a_token_selects_among_its_own_toolsets(tokened: JupyterServer) -> None:
    client = client_of(tokened, toolsets=["jobs", "probe"])

    def toolsets(query: str) -> set[str]:
        answer = client.request("GET", f"jupyter_mcp/api/tools{query}")
        return {tool["toolset"] for tool in answer.json()["tools"]}

    assert toolsets("") == toolsets("?toolsets=all") == {"jobs", "probe"}
    assert toolsets("?toolsets=jobs") == {"jobs"}
    assert client.request("GET", "jupyter_mcp/api/tools?toolsets=notebooks").status == 404
    body, headers = modern_request("tools/list")
    assert client.request("POST", "mcp?toolsets=notebooks", body, **headers).status == 400
    assert client.request("POST", "jupyter_mcp/api/tools/notebook_read", {}).status == 404
    default = client.request("POST", "mcp", body, **headers).json()["result"]["tools"]
    assert {"job_get", "probe_echo"} <= {tool["name"] for tool in default}


def test_a_refreshed_token_goes_on_with_its_session(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    session, _ = open_session(tokened, **client.headers)
    again = client.refreshed()
    in_session = {"Mcp-Session-Id": session}
    assert again.token != client.token
    assert post(tokened, "tools/list", **in_session, **again.headers).status == 200
    assert post(tokened, "tools/list", **in_session, **client_of(tokened).headers).status == 404


def test_refreshing_is_as_rfc_6749_says(tokened: JupyterServer) -> None:
    client = client_of(tokened, "read")
    answer = client.refresh()
    told = answer.json()
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert told["token_type"] == "Bearer"
    assert told["scope"] == "read"
    assert 590 <= told["expires_in"] <= 600
    form = urlencode({"grant_type": "refresh_token", "refresh_token": told["refresh_token"]})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    again = tokened.request("POST", REFRESH, form.encode(), kind, token=False)
    assert again.status == 200
    assert OurClient(tokened, again.json() | {"id": client.id}).call("probe_who").status == 200


def test_a_reused_refresh_token_ends_the_family(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    again = client.refreshed()
    assert again.call("probe_who").status == 200
    assert client.refresh().json() == {"error": "invalid_grant"}
    for token in (client, again):
        assert is_refused(token.call("probe_who"))
    assert again.refresh().json() == {"error": "invalid_grant"}
    [family] = [t for t in ask(tokened, "token_list")["tokens"] if t["id"] == client.id]
    assert family["revoked"]
    assert family["reason"] == "a refresh token was used twice"


@pytest.mark.parametrize(
    ("body", "kind", "status", "error"),
    [
        (b"", "", 400, "invalid_request"),
        (b"not=a&form", "application/x-www-form-urlencoded", 400, "invalid_request"),
        (b"{", "application/json", 400, "invalid_request"),
        (b"[" * 5000, "application/json", 400, "invalid_request"),
        (b"[]", "application/json", 400, "invalid_request"),
        (b"\xff", "", 400, "invalid_request"),
        (b'{"grant_type": 1, "refresh_token": []}', "application/json", 400, "invalid_request"),
        (b"grant_type=password&refresh_token=x", "", 400, "unsupported_grant_type"),
        (b"grant_type=refresh_token&refresh_token=x", "", 400, "invalid_grant"),
        (b"grant_type=refresh_token&refresh_token=jmcp-refresh-x", "", 400, "invalid_grant"),
        (b"x" * 10_000, "", 413, "invalid_request"),
    ],
)
def test_bad_requests_for_a_refresh(
    tokened: JupyterServer, body: bytes, kind: str, status: int, error: str
) -> None:
    answer = tokened.request("POST", REFRESH, body, {"Content-Type": kind}, token=False)
    assert (answer.status, answer.json()) == (status, {"error": error})


def test_pages_from_elsewhere_refresh_nothing(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    body = {"grant_type": "refresh_token", "refresh_token": client.made["refresh_token"]}
    foreign = {"Origin": "https://evil.test"}
    assert tokened.request("POST", REFRESH, body, foreign, token=False).status == 403
    friendly = {"Origin": "https://page.test"}
    answer = tokened.request("POST", REFRESH, body, friendly, token=False)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.test"
    assert answer.status == 200


def test_a_revoked_token_is_out_at_once(tokened: JupyterServer) -> None:
    client, other = client_of(tokened), client_of(tokened)
    assert client.call("probe_who").status == 200
    ask(tokened, "token_revoke", token_id=client.id)
    assert is_refused(client.call("probe_who"))
    assert is_refused(client.request("GET", "jupyter_mcp/api/status"))
    assert is_refused(client.request("GET", "mcp/ws"))
    assert other.call("probe_who").status == 200


async def test_what_runs_for_a_revoked_token_ends_at_once(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    socket = await socket_of(client)
    mark = "revoked"
    await socket.write_message(frame("tools/call", 1, name="probe_wait", arguments={"mark": mark}))
    await asyncio.to_thread(ask, tokened, "probe_began", mark=mark)
    began = time.monotonic()
    await asyncio.to_thread(ask, tokened, "token_revoke", token_id=client.id)
    assert await closed(socket) == 4401
    await asyncio.to_thread(ask, tokened, "probe_was_cancelled", mark=mark)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_streams_of_a_revoked_token_end(tokened: JupyterServer, era: str) -> None:
    import httpx2

    client = client_of(tokened)
    if era == "modern":
        asked = {"notifications": {"toolsListChanged": True}}
        body, headers = modern_request("subscriptions/listen", asked)
        request = {"method": "POST", "json": body}
    else:
        session, _ = await asyncio.to_thread(open_session, tokened, **client.headers)
        request = {"method": "GET"}
        headers = {**ACCEPT, "Accept": "text/event-stream", "Mcp-Session-Id": session}
    async with httpx2.AsyncClient(timeout=20) as http:
        sent = {**headers, **client.headers}
        async with http.stream(url=tokened.mcp_url, headers=sent, **request) as answer:
            assert answer.status_code == 200
            pieces = answer.aiter_raw()
            if era == "modern":
                await anext(pieces)
            await asyncio.to_thread(ask, tokened, "token_revoke", token_id=client.id)
            began = time.monotonic()
            with contextlib.suppress(httpx2.HTTPError):
                async for _ in pieces:
                    continue
    assert time.monotonic() - began < 5


async def test_calls_over_http_of_a_revoked_token_are_cancelled(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    running = asyncio.create_task(asyncio.to_thread(client.call, "probe_wait", mark="http"))
    await asyncio.to_thread(ask, tokened, "probe_began", mark="http")
    await asyncio.to_thread(ask, tokened, "token_revoke", token_id=client.id)
    async with asyncio.timeout(30):
        answer = await running
    assert "cancelled" in answer.body.decode()
    await asyncio.to_thread(ask, tokened, "probe_was_cancelled", mark="http")


def test_access_that_was_ended_is_401_at_every_door(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    for who in (client.id, f"token:{client.id}"):
        ask(tokened, "access_end", who=who, reason="test")
        assert is_refused(client.call("probe_who"))
        assert [each["who"] for each in ask(tokened, "access_list")["ended"]] == [who]
        ask(tokened, "access_restore", who=who)
        assert client.call("probe_who").status == 200


def test_the_owners_own_token_can_be_shut_out_and_its_clients_with_it(
    tokened: JupyterServer,
) -> None:
    told = tokened.request("POST", "jupyter_mcp/api/tools/probe_who", {}).json()["structured"]
    ask(tokened, "access_end", who=told["id"])
    try:
        assert is_refused(tokened.request("GET", "jupyter_mcp/api/status"))
        assert tokened.request("GET", "api/status").status == 200, "Jupyter itself goes on"
    finally:
        ask(tokened, "access_restore", who=told["id"])
    assert tokened.request("GET", "jupyter_mcp/api/status").status == 200


def test_who_was_shut_out_stays_out_after_a_restart(tmp_path: Path) -> None:
    server = JupyterServer(tmp_path, collaboration=False)
    with server:
        who = f"token:{_mark(server.token)}"
        client = client_of(server)
        ask(server, "access_end", who=who)
    with server:
        assert is_refused(server.request("GET", "jupyter_mcp/api/status"))
        assert client.call("kernel_list").status == 200
        ask(server, "access_restore", who=who)
        assert server.request("GET", "jupyter_mcp/api/status").status == 200


def _mark(token: str) -> str:
    from jupyter_mcp.security.principal import fingerprint

    return fingerprint(token)


def test_tokens_of_ours_work_behind_another_provider(crowded: JupyterServer) -> None:
    made = crowded.request(
        "POST",
        "jupyter_mcp/api/tools/token_create",
        {"scopes": ["read"]},
        person(crowded),
    ).json()["structured"]
    client = OurClient(crowded, made)
    assert client.call("probe_who").json()["result"]["structuredContent"]["scopes"] == ["read"]
    denied = {"X-Test-Deny": "read"}
    assert client.request("GET", "jupyter_mcp/api/tools", **denied).status == 403


async def test_a_websocket_ends_with_its_access_token_or_goes_on_by_a_newer_one(
    tmp_path: Path,
) -> None:
    short = {"JupyterMCP": {"access_token_seconds": 10}}
    with JupyterServer(tmp_path, collaboration=False, config=short) as server:
        first = client_of(server, expires="4s")
        ending, going, wrong = (client_of(server) for _ in range(3))
        sockets = [await socket_of(client) for client in (first, ending, going, wrong)]
        await sockets[3].write_message(renewal(ending.refreshed()))
        assert await closed(sockets[3]) == 4401, "a token of another family renews nothing"
        assert await closed(sockets[0]) == 4401
        await sockets[2].write_message(renewal(going.refreshed()))
        assert await closed(sockets[1]) == 4401
        await sockets[2].write_message(frame("tools/list", 1))
        assert '"tools"' in str(await sockets[2].read_message())
        sockets[2].close()
        assert await closed(sockets[2]) is None


def renewal(newer: OurClient) -> str:
    """Return the frame that shows a newer token."""
    params = {"token": newer.token}
    return json.dumps({"jsonrpc": "2.0", "method": "jupyter-mcp/renew", "params": params})


async def closed(socket: WebSocketClientConnection) -> int | None:
    """Wait until the server closes a connection and return why."""
    async with asyncio.timeout(30):
        while await socket.read_message() is not None:
            continue
    socket.close()
    return socket.close_code


HEADER = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), max_size=60
)
CREDENTIAL = st.builds(
    "{}{}{}".format,
    st.sampled_from(["Bearer ", "bearer  ", "token ", "Basic ", "", "Bearer"]),
    st.sampled_from(
        ["jmcp-token-", "jmcp-refresh-", "jmcp-person-", "eyJ", "eyJhbGciOiJub25lIn0."]
    ),
    HEADER,
)


@settings(max_examples=60, deadline=None)
@given(HEADER | CREDENTIAL)
def test_no_authorization_header_gets_in_or_breaks_anything(
    tokened: JupyterServer, header: str
) -> None:
    sent = {"Authorization": header.strip()}
    answer = tokened.request("GET", "jupyter_mcp/api/status", headers=sent, token=False)
    assert answer.status == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_refreshing_with_nonsense_is_bounded(tmp_path: Path) -> None:
    with JupyterServer(tmp_path, collaboration=False) as server:
        client = client_of(server)
        answers = [
            refresh(server, grant_type="refresh_token", refresh_token=f"jmcp-refresh-{number}")
            for number in range(25)
        ]
        assert [answer.status for answer in answers][:5] == [400] * 5
        assert answers[-1].status == 429
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 61
        assert client.refresh().status == 200


def test_background_jobs_of_a_revoked_token_end(tokened: JupyterServer) -> None:
    client = client_of(tokened)
    kernel = ask(tokened, "kernel_start")["kernel_id"]
    code = "import time\nwhile True:\n    time.sleep(0.01)"
    told = client.call("kernel_execute", code=code, kernel_id=kernel, background=True).json()
    job = told["result"]["structuredContent"]["job_id"]
    assert ask(tokened, "job_get", job_id=job)["status"] == "running"
    ask(tokened, "token_revoke", token_id=client.id)
    assert ask(tokened, "job_get", job_id=job, wait=10)["status"] == "cancelled"
    ask(tokened, "kernel_stop", kernel_id=kernel)
