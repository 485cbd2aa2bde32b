"""Bad input: each a clear error in the protocol's own form, and the server goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.clients import modern_request
from support.handshakes import ACCEPT, events, open_session, post
from support.server import JupyterServer

MODERN_HEADERS = modern_request("tools/list")[1]
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"


@pytest.fixture(autouse=True)
def goes_on(probed: JupyterServer) -> Iterator[None]:
    """Make sure after each test that the server still answers."""
    yield
    body, headers = modern_request("tools/list")
    assert probed.request("POST", "mcp", body, headers).status == 200


def refused(server: JupyterServer, body: Any, headers: dict[str, str]) -> tuple[int, int]:
    """Return HTTP status and JSON-RPC code of an error in one line."""
    answer = server.request("POST", "mcp?toolsets=all", body, headers)
    error = answer.json()["error"]
    assert error["message"]
    assert "\n" not in error["message"]
    assert "Traceback" not in answer.body.decode()
    return answer.status, error["code"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'{"id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "tools/list"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": 3}}', -32602),
    ],
)
def test_malformed_json_rpc(probed: JupyterServer, body: bytes, code: int) -> None:
    headers = {**MODERN_HEADERS, "Content-Type": "application/json"}
    assert refused(probed, body, headers) == (400, code)


@pytest.mark.parametrize(
    "params",
    [
        {"name": None},
        {"arguments": {}},
        {"name": "probe_echo", "arguments": []},
        {"name": "probe_echo", "_meta": {"io.modelcontextprotocol/clientCapabilities": 7}},
    ],
)
def test_malformed_parameters(probed: JupyterServer, params: dict[str, Any]) -> None:
    body, headers = modern_request("tools/call", params)
    assert refused(probed, body, headers) == (400, -32602)


def test_unknown_method(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/invent")
    assert refused(probed, body, headers) == (404, -32601)


def test_unsupported_version(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/list", {"_meta": {VERSION_KEY: "2031-01-01"}})
    headers["MCP-Protocol-Version"] = "2031-01-01"
    assert refused(probed, body, headers) == (400, -32022)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Mcp-Method": "tools/call"},
        {"Mcp-Method": ""},
        {"MCP-Protocol-Version": "2031-01-01"},
    ],
)
def test_header_that_disagrees_with_the_body(probed: JupyterServer, wrong: dict[str, str]) -> None:
    body, headers = modern_request("tools/list")
    assert refused(probed, body, {**headers, **wrong}) == (400, -32020)


def test_name_that_disagrees_with_the_body(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/call", {"name": "probe_echo", "arguments": {"text": "x"}})
    assert refused(probed, body, {**headers, "Mcp-Name": "probe_add"}) == (400, -32020)


@pytest.mark.parametrize(
    ("mirrored", "status"), [("north", 200), ("south", 400), ("=?base64?bm9ydGg=?=", 200)]
)
def test_mirrored_argument(probed: JupyterServer, mirrored: str, status: int) -> None:
    params = {"name": "probe_region", "arguments": {"region": "north"}}
    body, headers = modern_request("tools/call", params)
    headers["Mcp-Param-Region"] = mirrored
    assert probed.request("POST", "mcp?toolsets=all", body, headers).status == status


def test_version_only_in_the_body(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/list")
    del headers["MCP-Protocol-Version"]
    assert refused(probed, body, headers) == (400, -32020)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Accept": "text/html"}, 406), ({"Content-Type": "text/plain"}, 400)],
)
def test_media_types(probed: JupyterServer, headers: dict[str, str], status: int) -> None:
    body, own = modern_request("tools/list")
    assert refused(probed, body, {**own, **headers}) == (status, -32600)


def test_get_of_a_modern_client(probed: JupyterServer) -> None:
    answer = probed.request("GET", "mcp", headers=MODERN_HEADERS)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_oversize_body(probed: JupyterServer, era: str) -> None:
    text = "x" * 200_000
    body, headers = modern_request(
        "tools/call", {"name": "probe_echo", "arguments": {"text": text}}
    )
    if era == "legacy":
        headers = {**ACCEPT, "Mcp-Session-Id": open_session(probed)[0]}
    status, _ = refused(probed, body, headers)
    assert status == 413


def test_unknown_toolset(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/list")
    answer = probed.request("POST", "mcp?toolsets=nonsense", body, headers)
    assert answer.status == 400
    assert "probe" in answer.json()["error"]["message"]


def test_unknown_session(probed: JupyterServer) -> None:
    answer = post(probed, "tools/list", **{"Mcp-Session-Id": "0" * 32})
    assert (answer.status, answer.json()["error"]["code"]) == (404, -32600)


def test_ended_session(probed: JupyterServer) -> None:
    session, _ = open_session(probed)
    headers = {"Mcp-Session-Id": session}
    assert probed.request("DELETE", "mcp", headers=headers).status == 200
    assert post(probed, "tools/list", **headers).status == 404


def test_request_before_the_handshake(probed: JupyterServer) -> None:
    answer = post(probed, "tools/list")
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32600)


def test_malformed_legacy_message(probed: JupyterServer) -> None:
    answer = probed.request("POST", "mcp", b"{", {**ACCEPT, "Content-Type": "application/json"})
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32700)


def test_session_without_version_header_is_no_modern_request(probed: JupyterServer) -> None:
    """2025-03-26 has no such header; an argument that quotes the newer revision changes nothing."""
    session, _ = open_session(probed)
    params = {
        "name": "probe_echo",
        "arguments": {"text": "io.modelcontextprotocol/protocolVersion"},
    }
    answer = post(probed, "tools/call", params, **{"Mcp-Session-Id": session})
    assert answer.status == 200
    assert events(answer)[-1][1]["result"]["structuredContent"]["result"].startswith("io.model")


def test_endless_name_of_a_tool(probed: JupyterServer) -> None:
    session, _ = open_session(probed)
    params = {"name": "probe_ech" + "o" * 90_000, "arguments": {}}
    answer = post(probed, "tools/call", params, **{"Mcp-Session-Id": session})
    assert "Did you mean" not in answer.body.decode()
    assert "There is no tool 'probe_echoo" in answer.body.decode()
    assert len(answer.body) < 2_000


def test_notification_is_acknowledged(probed: JupyterServer) -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    answer = probed.request("POST", "mcp", note, MODERN_HEADERS)
    assert (answer.status, answer.body) == (202, b"")


def test_errors_carry_the_id(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/invent", id="seven")
    answer = probed.request(
        "POST", "mcp", json.dumps(body).encode(), {**headers, "Content-Type": "application/json"}
    )
    assert answer.json()["id"] == "seven"


def test_failure_of_our_own_is_an_internal_error(tmp_path: Path) -> None:
    blocked = tmp_path / "a file where the folder should be"
    blocked.touch()
    body, headers = modern_request("tools/list")
    config = {"JupyterMCP": {"state_dir": str(blocked)}}
    with JupyterServer(tmp_path, collaboration=False, config=config) as server:
        answer = server.request("POST", "mcp", body, headers)
    assert (answer.status, answer.json()["error"]["code"]) == (500, -32603)
    assert str(tmp_path) not in answer.body.decode()
