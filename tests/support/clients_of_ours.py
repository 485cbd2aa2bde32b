"""Tokens for clients, made at a real server as a person at its machine makes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from support.clients import modern_request
from support.server import Answer, JupyterServer


def person(server: JupyterServer) -> dict[str, str]:
    """Return the headers of the person at the server's machine."""
    file = server.home / "runtime" / f"jupyter-mcp-{server.pid}.json"
    return {"Authorization": f"Bearer {json.loads(file.read_text())['key']}"}


def ask(server: JupyterServer, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """Call a tool as that person and return what it gave."""
    path = f"jupyter_mcp/api/tools/{tool}"
    answer = server.request("POST", path, arguments, person(server))
    assert answer.status == 200, answer.body
    structured: dict[str, Any] = answer.json()["structured"]
    return structured


@dataclass(slots=True)
class OurClient:
    """A client with a token of ours.

    Args:
        server: The server.
        made: What `token_create` gave.
    """

    server: JupyterServer
    made: dict[str, Any]
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.token = self.made["access_token"]

    @property
    def id(self) -> str:
        """The family."""
        return str(self.made["id"])

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its requests."""
        return {"Authorization": f"Bearer {self.token}"}

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request."""
        sent = {**self.headers, **headers}
        return self.server.request(method, path, body, sent, token=False)

    def call(self, tool: str, /, **arguments: Any) -> Answer:
        """Call a tool over MCP 2026-07-28."""
        body, headers = modern_request("tools/call", {"name": tool, "arguments": arguments})
        return self.request("POST", "mcp?toolsets=all", body, **headers)

    def refresh(self, refresh_token: str | None = None) -> Answer:
        """Exchange its refresh token, or another one."""
        shown = refresh_token or self.made["refresh_token"]
        return refresh(self.server, grant_type="refresh_token", refresh_token=shown)

    def refreshed(self) -> OurClient:
        """Return the client by its next token."""
        return OurClient(self.server, {**self.made, **self.refresh().json()})


def client_of(server: JupyterServer, *scopes: str, **options: Any) -> OurClient:
    """Make a token with all scopes, or `scopes`."""
    wanted = list(scopes or ("read", "edit", "execute"))
    return OurClient(server, ask(server, "token_create", scopes=wanted, **options))


def refresh(server: JupyterServer, **fields: Any) -> Answer:
    """Ask the refresh endpoint."""
    return server.request("POST", "jupyter_mcp/api/token/refresh", fields, token=False)
