"""Who a request belongs to, what narrows it, and which pages may call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from support.clients import connected, modern_request
from support.handshakes import open_session, post
from support.server import Answer, JupyterServer

READ_ONLY = {"Authorization": "Bearer ann-token-read"}
EDIT_ONLY = {"Authorization": "Bearer ann-token-edit"}
BOB = {"Authorization": "Bearer bob-token"}


def call(server: JupyterServer, name: str, headers: dict[str, str], **arguments: Any) -> Any:
    """Call a tool and return the JSON-RPC message."""
    body, own = modern_request("tools/call", {"name": name, "arguments": arguments})
    return server.request("POST", "mcp?toolsets=all", body, {**own, **headers}).json()


def test_hub_users_are_themselves(crowded: JupyterServer) -> None:
    for headers, name in (({}, "ann"), (BOB, "bob")):
        who = call(crowded, "probe_who", headers)["result"]["structuredContent"]
        assert (who["id"], who["name"]) == (f"user:{name}", name)
        assert who["scopes"] == ["admin", "edit", "execute", "read"]


def test_custom_scopes_narrow_a_hub_token(crowded: JupyterServer) -> None:
    who = call(crowded, "probe_who", READ_ONLY)["result"]["structuredContent"]
    assert (who["id"], who["scopes"]) == ("user:ann", ["read"])
    refused = call(crowded, "probe_write", READ_ONLY)["result"]
    assert refused["isError"]
    assert "scope 'edit'" in refused["content"][0]["text"]
    assert "isError" not in call(crowded, "probe_write", {})["result"]


async def test_narrow_token_does_not_see_what_it_may_not(crowded: JupyterServer) -> None:
    async with connected(crowded, headers=READ_ONLY) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert "probe_echo" in names
    assert "probe_edit" not in names


def test_authorizer_decides_on_calls_too(crowded: JupyterServer) -> None:
    denied = {"X-Test-Deny": "execute"}
    body, headers = modern_request("tools/list")
    assert crowded.request("POST", "mcp", body, {**headers, **denied}).status == 200
    refused = call(crowded, "probe_echo", denied, text="x")["result"]
    assert refused["isError"]
    assert "authorizer" in refused["content"][0]["text"]
    session, _ = open_session(crowded)
    params = {"name": "probe_echo", "arguments": {"text": "x"}}
    legacy = post(crowded, "tools/call", params, **{"Mcp-Session-Id": session, **denied})
    assert "authorizer" in legacy.body.decode()


def test_session_of_somebody_else_does_not_exist(crowded: JupyterServer) -> None:
    session, _ = open_session(crowded)
    in_session = {"Mcp-Session-Id": session}
    assert post(crowded, "tools/list", **in_session).status == 200
    for headers in (BOB, READ_ONLY):
        assert post(crowded, "tools/list", **in_session, **headers).status == 404
        assert crowded.request("DELETE", "mcp", headers={**in_session, **headers}).status == 404
        stream = {"Accept": "text/event-stream"}
        got = crowded.request("GET", "mcp", headers={**in_session, **stream, **headers})
        assert got.status == 404
    assert post(crowded, "tools/list", **in_session).status == 200


def test_question_of_somebody_else_cannot_be_answered(crowded: JupyterServer) -> None:
    can_ask = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params = {"name": "probe_ask", "arguments": {"mark": "x"}, "_meta": can_ask}
    body, headers = modern_request("tools/call", params)
    asked = crowded.request("POST", "mcp?toolsets=all", body, headers).json()["result"]
    answers = {"answer": {"action": "accept", "content": {"name": "Eve"}}}
    again = {**params, "requestState": asked["requestState"], "inputResponses": answers}
    body, headers = modern_request("tools/call", again)
    stolen = crowded.request("POST", "mcp?toolsets=all", body, {**headers, **BOB}).json()
    assert stolen["error"]["code"] == -32602


def test_calls_of_somebody_else_are_not_shown(crowded: JupyterServer) -> None:
    path = "jupyter_mcp/api/tools/probe_echo?toolsets=all"
    made = crowded.request("POST", path, {"text": "mine"}, BOB).json()
    own = crowded.request("GET", f"jupyter_mcp/api/calls/{made['id']}", headers=BOB)
    other = crowded.request("GET", f"jupyter_mcp/api/calls/{made['id']}", headers=READ_ONLY)
    assert own.json()["result"]["structured"] == {"result": "mine"}
    assert other.status == 404


def test_narrow_token_cannot_cancel_what_it_could_not_begin(crowded: JupyterServer) -> None:
    made = crowded.request("POST", "jupyter_mcp/api/tools/probe_write?toolsets=all", {}).json()
    path = f"jupyter_mcp/api/calls/{made['id']}/cancel"
    refused = crowded.request("POST", path, {}, READ_ONLY)
    assert (refused.status, refused.json()["error"]["code"]) == (403, "forbidden")
    assert crowded.request("POST", path, {}, EDIT_ONLY).status == 200


@pytest.mark.filterwarnings("ignore:resources/:mcp.shared.exceptions.MCPDeprecationWarning")
async def test_only_who_may_read_hears_of_changes(crowded: JupyterServer) -> None:
    uri = "probe://note/a"
    for headers, honored in ((READ_ONLY, [uri]), (EDIT_ONLY, [])):
        async with connected(crowded, headers=headers) as client:
            listening = client.listen(tools_list_changed=True, resource_subscriptions=[uri])
            async with listening as events:
                assert (events.honored.resource_subscriptions or []) == honored
    async with connected(crowded, "legacy", headers=READ_ONLY) as client:
        await client.subscribe_resource(uri)
    async with connected(crowded, "legacy", headers=EDIT_ONLY) as client:
        with pytest.raises(MCPError, match="There is no resource"):
            await client.subscribe_resource(uri)


@pytest.mark.parametrize("origin", ["http://[", "null", "", "file://"])
def test_odd_origins_are_refused(probed: JupyterServer, origin: str) -> None:
    body, headers = modern_request("tools/list")
    answer = probed.request("POST", "mcp", body, {**headers, "Origin": origin})
    assert answer.status == 403


def test_server_without_a_token_takes_clients_and_no_foreign_pages(tmp_path: Path) -> None:
    body, headers = modern_request("tools/list")
    open_to_all = {"IdentityProvider": {"token": ""}}
    with JupyterServer(tmp_path, collaboration=False, config=open_to_all) as server:

        def status(path: str, sent: Any, **more: str) -> int:
            return server.request("POST", path, sent, {**headers, **more}, token=False).status

        assert status("mcp", body) == 200
        assert status("jupyter_mcp/api/tools/kernel_list", {}) == 200
        assert status("mcp", body, Origin="https://evil.test") == 403
        assert status("mcp", body, Cookie="_xsrf=1") == 403


def test_resource_metadata_is_public_and_inside_the_prefix(probed: JupyterServer) -> None:
    path = ".well-known/oauth-protected-resource/mcp"
    answer = probed.request("GET", path, token=False)
    assert answer.status == 200
    document = answer.json()
    assert document["resource"] == f"{probed.url}mcp"
    assert "authorization_servers" not in document
    assert document["scopes_supported"] == ["read"], "no more than a client needs to begin"


def preflight(server: JupyterServer, path: str, origin: str) -> Answer:
    """Ask as a browser asks before it lets a page call."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return server.request("OPTIONS", path, headers=headers, token=False)


@pytest.mark.parametrize(
    ("path", "origin", "allowed"),
    [
        ("mcp", "https://friend.test", True),
        ("mcp", "https://page.test", False),
        ("jupyter_mcp/api/tools", "https://page.test", True),
        ("jupyter_mcp/api/tools", "https://friend.test", False),
        ("jupyter_mcp/api/tools", "https://evil.test", False),
    ],
)
def test_configured_pages_may_call(
    probed: JupyterServer, path: str, origin: str, allowed: bool
) -> None:
    before = preflight(probed, path, origin)
    body, headers = modern_request("tools/list")
    method, sent = ("POST", body) if path == "mcp" else ("GET", None)
    answer = probed.request(method, path, sent, {**headers, "Origin": origin})
    for got in (before, answer):
        assert (got.headers.get("Access-Control-Allow-Origin") == origin) is allowed
    assert (before.status, answer.status) == ((204, 200) if allowed else (403, 403))


def test_own_pages_may_call(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/list")
    own = {"Origin": f"http://127.0.0.1:{probed.port}"}
    assert probed.request("POST", "mcp", body, {**headers, **own}).status == 200
