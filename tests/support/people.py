"""The person at a test server's machine: what they see, and what they decide."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from support.server import Answer, JupyterServer, wait_until


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever holds the key of a server."""

    server: JupyterServer

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request with the key."""
        file = self.server.home / "runtime" / f"jupyter-mcp-{self.server.pid}.json"
        return {"Authorization": f"Bearer {json.loads(file.read_text())['key']}"}

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """One request with the key."""
        return self.server.request(method, path, body, self.headers, token=False)

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool by the HTTP API and return the whole answer."""
        found: dict[str, Any] = self.request(
            "POST", f"jupyter_mcp/api/tools/{tool}", arguments
        ).json()
        return found

    def status(self) -> dict[str, Any]:
        """What the panel shows."""
        found: dict[str, Any] = self.request("GET", "jupyter_mcp/api/status").json()
        return found

    def waiting(self) -> list[dict[str, Any]]:
        """The calls that wait for a yes."""
        found: list[dict[str, Any]] = self.status().get("approvals", {}).get("waiting", [])
        return found

    async def asked(self) -> dict[str, Any]:
        """Wait until exactly one call waits for a yes and return the question."""

        def one() -> dict[str, Any] | None:
            waiting = self.waiting()
            return waiting[0] if len(waiting) == 1 else None

        found: dict[str, Any] = await asyncio.to_thread(
            wait_until, one, seconds=30, what="a call waits for approval"
        )
        return found

    async def nothing_waits(self) -> None:
        """Wait until no call waits for a yes."""
        await asyncio.to_thread(
            wait_until, lambda: not self.waiting(), seconds=30, what="no call waits"
        )

    def answer(self, approval_id: str, answer: str) -> dict[str, Any]:
        """Answer a question."""
        return self.call("approval_answer", approval_id=approval_id, answer=answer)
