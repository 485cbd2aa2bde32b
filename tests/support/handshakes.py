"""Raw requests of the handshake revisions, for tests that send what no client would."""

from __future__ import annotations

import json
from typing import Any

from support.server import Answer, JupyterServer

ACCEPT = {"Accept": "application/json, text/event-stream"}


def open_session(server: JupyterServer, **headers: str) -> tuple[str, Answer]:
    """Shake hands as 2025-11-25 does; return the session id and the answer."""
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    }
    answer = post(server, "initialize", params, **headers)
    session = answer.headers.get("Mcp-Session-Id", "")
    if session:
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        in_session = {**ACCEPT, "Mcp-Session-Id": session, **headers}
        server.request("POST", "mcp?toolsets=all", ready, in_session)
    return session, answer


def post(
    server: JupyterServer, method: str, params: dict[str, Any] | None = None, **headers: str
) -> Answer:
    """Send a request."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    return server.request("POST", "mcp?toolsets=all", body, {**ACCEPT, **headers})


def events(answer: Answer) -> list[tuple[str, Any]]:
    """Return identifiers and messages of an event stream."""
    found = []
    for block in answer.body.decode().replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if fields:
            found.append((fields.get("id", ""), json.loads(fields.get("data") or "null")))
    return found
