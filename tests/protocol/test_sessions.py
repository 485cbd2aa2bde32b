"""Streams of older sessions: what was missed comes after, and only to whom it belongs."""

from __future__ import annotations

import asyncio

from mcp.server.streamable_http import EventMessage
from mcp_types.jsonrpc import JSONRPCNotification

from jupyter_mcp.protocol.event_store import RecentEvents
from support.handshakes import events, open_session, post
from support.server import JupyterServer

VERSION = {"MCP-Protocol-Version": "2025-11-25"}


def resume(server: JupyterServer, session: str, last: str) -> list[object]:
    """Come back for what followed an event; the stream is cut once it has said something."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {
        **server.headers,
        **VERSION,
        "Accept": "text/event-stream",
        "Mcp-Session-Id": session,
        "Last-Event-ID": last,
    }
    connection.request("GET", f"{server.base_url}mcp?toolsets=all", headers=headers)
    answer = connection.getresponse()
    lines = []
    while not any(line.startswith(b"data: {") and b'"result"' in line for line in lines):
        lines.append(answer.readline())
        assert len(lines) < 100
    connection.close()
    return lines


async def test_missed_events_are_sent_again(probed: JupyterServer) -> None:
    session, _ = open_session(probed)
    params = {"name": "probe_count", "arguments": {"steps": 2}, "_meta": {"progressToken": "t"}}
    answer = await asyncio.to_thread(
        post, probed, "tools/call", params, **VERSION, **{"Mcp-Session-Id": session}
    )
    seen = events(answer)
    progress = [
        m["params"]["progress"] for _, m in seen if m and m.get("method", "").endswith("progress")
    ]
    assert progress == [1, 2]
    assert all(event_id for event_id, _ in seen)
    again = await asyncio.to_thread(resume, probed, session, seen[1][0])
    text = b"".join(again)  # type: ignore[arg-type]
    assert b'"progress":2' in text
    assert b'"progress":1,' not in text.replace(b"1.0", b"1")


async def test_events_of_another_session_are_not_sent(probed: JupyterServer) -> None:
    first, answer = open_session(probed)
    second, _ = open_session(probed)
    event_id = events(answer)[0][0]
    headers = {**VERSION, "Accept": "text/event-stream", "Last-Event-ID": event_id}
    for session, expected in ((first, True), (second, False)):
        path = "mcp?toolsets=all"
        asked = {**headers, "Mcp-Session-Id": session}
        seconds = 30 if expected else 2
        said = await asyncio.to_thread(says, b"protocolVersion", probed, path, asked, seconds)
        assert said is expected


def says(
    word: bytes, server: JupyterServer, path: str, headers: dict[str, str], seconds: float
) -> bool:
    """Whether a stream says a word before it is silent for so many seconds."""
    import socket

    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        lines = [f"GET {server.base_url}{path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
        lines += [f"{name}: {value}" for name, value in {**headers, **server.headers}.items()]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        text = b""
        try:
            while word not in text and (chunk := connection.recv(65536)):
                text += chunk
                if b"\r\n\r\n" in text:
                    connection.settimeout(seconds)
        except TimeoutError:
            assert b"\r\n\r\n" in text, "it does not answer"
    return word in text


async def test_store_is_bounded_and_keeps_streams_apart() -> None:
    store = RecentEvents(limit=3)
    note = JSONRPCNotification(jsonrpc="2.0", method="notifications/message")
    ids = [await store.store_event(stream, note) for stream in ("a", "a", "b", "a")]
    sent: list[EventMessage] = []

    async def send(message: EventMessage) -> None:
        sent.append(message)

    assert await store.replay_events_after(ids[0], send) is None, "the oldest one was dropped"
    assert await store.replay_events_after(ids[1], send) == "a"
    assert [message.event_id for message in sent] == [ids[3]]
    assert await store.replay_events_after("nonsense", send) is None
