"""JSON-RPC over HTTP, both eras: whatever is sent gets a well-formed answer and breaks nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from support.arena import Arena, Raw, messages
from support.clients import META, MODERN
from support.fuzzing import HEADER, JSON, TEXT, fuzz, mutated
from support.tasks import EXTENSION

INTERNAL_ERROR = -32603
STATUSES = {200, 202, 400, 404, 405, 406, 413, 415}
"""What the specification lets a server answer at this place: the door stands in front of it."""

HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
}
CLIENT = {"name": "fuzz", "version": "1"}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("server/discover", {}),
    ("tools/list", {}),
    ("tools/list", {"cursor": "MA=="}),
    ("tools/call", {"name": "probe_echo", "arguments": {"text": "x"}}),
    ("tools/call", {"name": "probe_add", "arguments": {"a": 1, "b": 2}}),
    ("tools/call", {"name": "probe_region", "arguments": {"region": "north"}}),
    ("tools/call", {"name": "probe_count", "arguments": {"steps": 0}}),
    ("tools/call", {"name": "notebook_read", "arguments": {"path": "nb.ipynb"}}),
    ("tools/call", {"name": "notebook_list", "arguments": {}}),
    ("tools/call", {"name": "job_list", "arguments": {}}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "probe://note/a"}),
    ("resources/read", {"uri": "notebook://nb.ipynb"}),
    ("resources/subscribe", {"uri": "probe://note/a"}),
    ("resources/unsubscribe", {"uri": "probe://note/a"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "probe_explain", "arguments": {"topic": "plots"}}),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/prompt", "name": "probe_explain"},
            "argument": {"name": "topic", "value": "p"},
            "context": {"arguments": {"tone": "dry"}},
        },
    ),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/resource", "uri": "probe://note/{name}"},
            "argument": {"name": "name", "value": "p"},
        },
    ),
    ("logging/setLevel", {"level": "info"}),
    ("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["probe://note/a"]}}),
    ("initialize", HELLO),
    ("ping", {}),
    ("tasks/get", {"taskId": "x"}),
    ("tasks/update", {"taskId": "x", "inputResponses": {"a": {"action": "accept"}}}),
    ("tasks/cancel", {"taskId": "x"}),
    ("subscriptions/listen", {"notifications": {"taskIds": ["x"]}}),
]
NOTIFICATIONS: list[tuple[str, dict[str, Any]]] = [
    ("notifications/initialized", {}),
    ("notifications/cancelled", {"requestId": 1}),
    ("notifications/progress", {"progressToken": 1, "progress": 1}),
    ("notifications/roots/list_changed", {}),
]


def message(method: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a JSON-RPC message."""
    return {"jsonrpc": "2.0", **more, "method": method, "params": params}


OLD = st.sampled_from(
    [message(*request, id=1) for request in REQUESTS]
    + [message(*notification) for notification in NOTIFICATIONS]
)
KNOWS_TASKS = {
    **META,
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {EXTENSION: {}}},
}
NEW = st.sampled_from(
    [
        message(method, {**params, "_meta": meta}, id=1)
        for meta in (META, KNOWS_TASKS)
        for method, params in REQUESTS
    ]
    + [message(method, {**params, "_meta": META}) for method, params in NOTIFICATIONS]
)
ODD_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "accept",
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-session-id",
            "mcp-param-region",
            "last-event-id",
            "content-length",
            "traceparent",
        ]
    ),
    HEADER
    | st.sampled_from([MODERN, "2025-11-25", "2024-11-05", "tools/call", "*/*", "application/*"]),
    max_size=4,
)


def encoded(value: Any) -> bytes:
    """Return JSON as a careless client writes it: NaN and halves of surrogate pairs too."""
    return json.dumps(value).encode()


def modern_headers(sent: Any) -> dict[str, str]:
    """Return headers that fit a message as far as it has what they repeat."""
    headers = {**HEADERS, "mcp-protocol-version": MODERN}
    params = sent.get("params") if isinstance(sent, dict) else None
    method = sent.get("method") if isinstance(sent, dict) else None
    named = ("name", "uri", "taskId")
    found = [params.get(key) for key in named] if isinstance(params, dict) else []
    name = next((each for each in found if each), None)
    repeated = {"mcp-method": method, "mcp-name": name}
    return headers | {header: value for header, value in repeated.items() if _can_be_sent(value)}


def _can_be_sent(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def check(exchange: Raw) -> None:
    """Assert that an answer is one that the specification knows."""
    assert exchange.status in STATUSES, (exchange.status, exchange.text)
    assert "Traceback" not in exchange.text
    for answer in messages(exchange):
        assert answer["jsonrpc"] == "2.0"
        if "method" in answer:
            continue
        assert ("result" in answer) != ("error" in answer)
        if "error" in answer:
            assert isinstance(answer["error"]["code"], int)
            assert answer["error"]["code"] != INTERNAL_ERROR, answer
            assert answer["error"]["message"]
    if exchange.status >= 400:
        assert exchange.text, "an error says what is wrong"


@fuzz(body=st.binary(max_size=200), headers=ODD_HEADERS)
def test_any_bytes(arena: Arena, body: bytes, headers: dict[str, str]) -> None:
    check(arena.send("POST", body, {**HEADERS, **headers}))


@fuzz(body=JSON, version=st.sampled_from([MODERN, "2025-11-25", "2025-03-26", "1", ""]))
def test_any_json(arena: Arena, body: Any, version: str) -> None:
    check(arena.send("POST", encoded(body), {**HEADERS, "mcp-protocol-version": version}))


@fuzz(share=2, sent=mutated(NEW))
def test_spoilt_requests_of_the_modern_era(arena: Arena, sent: Any) -> None:
    check(arena.send("POST", encoded(sent), modern_headers(sent)))


@fuzz(sent=NEW, headers=ODD_HEADERS)
def test_odd_headers_of_the_modern_era(arena: Arena, sent: Any, headers: dict[str, str]) -> None:
    check(arena.send("POST", encoded(sent), {**modern_headers(sent), **headers}))


@fuzz(method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD"]), headers=ODD_HEADERS)
def test_odd_methods(arena: Arena, method: str, headers: dict[str, str]) -> None:
    check(arena.send(method, b"", {**HEADERS, **headers}))


@fuzz(sent=NEW, cut=st.floats(0, 1))
def test_requests_that_are_cut_off(arena: Arena, sent: Any, cut: float) -> None:
    body = encoded(sent)
    check(arena.send("POST", body[: int(len(body) * cut)], modern_headers(sent)))


@fuzz(uri=TEXT | TEXT.map("notebook://{}".format) | TEXT.map("cell://{}".format))
def test_any_uri_is_read_or_not_there(arena: Arena, uri: str) -> None:
    sent = message("resources/read", {"uri": uri, "_meta": META}, id=1)
    check(arena.send("POST", encoded(sent), modern_headers(sent)))


@pytest.fixture(scope="module")
def session(arena: Arena) -> str:
    """Open a session of an older revision, which ends with the arena."""
    hello = arena.send("POST", encoded(message("initialize", HELLO, id=0)), HEADERS)
    opened = hello.sent["mcp-session-id"]
    ready = encoded(message("notifications/initialized", {}))
    arena.send("POST", ready, {**HEADERS, "mcp-session-id": opened})
    return opened


@fuzz(share=0.5, sent=mutated(OLD))
def test_spoilt_requests_in_a_session(arena: Arena, session: str, sent: Any) -> None:
    check(arena.send("POST", encoded(sent), {**HEADERS, "mcp-session-id": session}))


@fuzz(share=0.25, sent=mutated(st.just(message("initialize", HELLO, id=0))))
def test_spoilt_handshakes(arena: Arena, sent: Any) -> None:
    check(arena.send("POST", encoded(sent), HEADERS))


@fuzz(share=0.25, sent=OLD, headers=ODD_HEADERS)
def test_odd_headers_in_a_session(
    arena: Arena, session: str, sent: Any, headers: dict[str, str]
) -> None:
    check(arena.send("POST", encoded(sent), {**HEADERS, "mcp-session-id": session, **headers}))
