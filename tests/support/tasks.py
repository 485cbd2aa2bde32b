"""A client of MCP's tasks in raw JSON: the SDK has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from support.clients import modern_request
from support.server import Answer, wait_until

EXTENSION = "io.modelcontextprotocol/tasks"
KNOWS_TASKS: dict[str, Any] = {"elicitation": {}, "extensions": {EXTENSION: {}}}
TERMINAL = {"completed", "failed", "cancelled"}


class Served(Protocol):
    """A server."""

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to one HTTP request."""
        ...


class TaskClient:
    """Speaks to one server.

    Args:
        server: The server.
        capabilities: What the client declares with each request.
        token: What it shows; the server's own by default.
    """

    def __init__(
        self,
        server: Served,
        capabilities: dict[str, Any] | None = None,
        token: str = "",
    ) -> None:
        self.server = server
        self._capabilities = KNOWS_TASKS if capabilities is None else capabilities
        self._token = token

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the JSON-RPC answer to a request."""
        headers = {"Mcp-Name": params["taskId"]} if "taskId" in params else {}
        return self.send_with(headers, method, **params)

    def send_with(self, more: dict[str, str], method: str, **params: Any) -> dict[str, Any]:
        """Do as `send` with these headers."""
        meta = {"io.modelcontextprotocol/clientCapabilities": self._capabilities}
        body, headers = modern_request(method, {**params, "_meta": meta})
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        answer = self.server.request("POST", "mcp?toolsets=all", body, {**headers, **more})
        found: dict[str, Any] = answer.json()
        return found

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the result of a call."""
        answer = self.send("tools/call", name=tool, arguments=arguments)
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def get(self, task_id: str) -> dict[str, Any]:
        """Return a task as it is."""
        answer = self.send("tasks/get", taskId=task_id)
        assert "result" in answer, answer
        task: dict[str, Any] = answer["result"]
        return task

    def until(self, task_id: str, *statuses: str, seconds: float = 30) -> dict[str, Any]:
        """Return a task once it has one of these states; by default, once it has ended."""
        wanted = set(statuses) or TERMINAL

        def there() -> dict[str, Any] | None:
            task = self.get(task_id)
            assert task["status"] in wanted | {"working", "input_required"}, task
            return task if task["status"] in wanted else None

        found: dict[str, Any] = wait_until(there, seconds=seconds, what=f"{task_id} is {wanted}")
        return found
