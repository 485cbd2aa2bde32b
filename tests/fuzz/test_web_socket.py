"""MCP over a WebSocket: no frame ends the connection, and every request is answered once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import strategies as st

from support.arena import Arena
from support.clients import META
from support.fuzzing import JSON, TEXT, fuzz, mutated

INTERNAL_ERROR = -32603
LAST = "the last one"
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "fuzz", "version": "1"},
}
MODERN = [
    ("server/discover", {}),
    ("tools/list", {}),
    ("tools/call", {"name": "probe_add", "arguments": {"a": 1, "b": 2}}),
    ("resources/read", {"uri": "probe://note/a"}),
    ("prompts/get", {"name": "probe_explain", "arguments": {"topic": "plots"}}),
    ("subscriptions/listen", {"notifications": {"toolsListChanged": True}}),
]
VALID = st.sampled_from(
    [
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
        for method, params in MODERN
    ]
    + [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
        {"jsonrpc": "2.0", "id": 2, "method": "ping"},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "id": 9, "result": {}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "no"}},
    ]
)
FRAMES = (
    st.text(max_size=80)
    | st.binary(max_size=80)
    | TEXT.map(lambda text: text.encode(errors="replace").decode())
    | JSON.map(json.dumps)
    | mutated(VALID).map(json.dumps)
    | mutated(VALID).map(lambda sent: json.dumps(sent).encode())
)


async def talk(arena: Arena, frames: list[Any]) -> list[dict[str, Any]]:
    """Send frames over a new connection, one that is valid last, and return the answers."""
    answers: list[dict[str, Any]] = []
    done = asyncio.Event()

    async def keep(frame: str) -> None:
        answers.append(json.loads(frame))
        if answers[-1].get("id") == LAST:
            done.set()

    socket = arena.endpoint.connect(arena.caller, keep)
    try:
        for frame in frames:
            await socket.receive(frame)
        call = {"name": "probe_add", "arguments": {"a": 1, "b": 2}, "_meta": META}
        last = {"jsonrpc": "2.0", "id": LAST, "method": "tools/call", "params": call}
        await socket.receive(json.dumps(last))
        await done.wait()
    finally:
        socket.close()
    return answers


def check(answers: list[dict[str, Any]]) -> None:
    """Assert that all are well-formed and that none is an unforeseen failure."""
    for answer in answers:
        assert answer["jsonrpc"] == "2.0"
        assert answer.get("error", {}).get("code") != INTERNAL_ERROR, answer
        assert ("method" in answer) + ("result" in answer) + ("error" in answer) == 1
    assert len([answer for answer in answers if answer.get("id") == LAST]) == 1


@fuzz(frames=st.lists(FRAMES, max_size=4))
def test_any_frames(arena: Arena, frames: list[Any]) -> None:
    check(arena.run(talk(arena, frames)))


@fuzz(sent=mutated(VALID))
def test_spoilt_messages_after_a_handshake(arena: Arena, sent: Any) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    check(arena.run(talk(arena, [json.dumps(hello), json.dumps(sent)])))
