"""A real Jupyter server with workflows, and the worker that outlives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.clients_of_ours import person
from support.left_workers import end_workers
from support.server import JupyterServer, wait_until
from support.tasks import TaskClient

ENDED = {"succeeded", "failed", "cancelled", "compensated"}
SECONDS = 60.0


class Flows:
    """Workflows at one server, by whoever is asked for.

    Args:
        server: The server.
    """

    def __init__(self, server: JupyterServer) -> None:
        self.server = server
        self.client = TaskClient(server)
        self.plain = TaskClient(server, capabilities={})

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured result of a call with the server's token."""
        result = self.plain.call(tool, **arguments)
        assert not result.get("isError"), result
        found: dict[str, Any] = result["structuredContent"]
        return found

    def refused(self, tool: str, **arguments: Any) -> str:
        """Return what a call says that fails."""
        result = self.plain.call(tool, **arguments)
        assert result.get("isError"), result
        said: str = result["content"][0]["text"]
        return said

    def as_person(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured result of a call by the person at the machine."""
        path = f"jupyter_mcp/api/tools/{tool}"
        answer = self.server.request("POST", path, arguments, person(self.server))
        assert answer.status == 200, answer.body
        result = answer.json()
        assert not result.get("is_error"), result
        found: dict[str, Any] = result["structured"]
        return found

    def start(self, *nodes: dict[str, Any], **more: Any) -> str:
        """Start a workflow of these nodes and return its identifier."""
        spec = {"name": "flow", "nodes": list(nodes), **more}
        run: str = self.call("workflow_start", spec=spec)["workflow_id"]
        return run

    def until(self, run: str, *statuses: str) -> dict[str, Any]:
        """Return a run once it has one of these states; by default, once it has ended."""
        wanted = set(statuses) or ENDED

        def there() -> dict[str, Any] | None:
            state = self.call("workflow_get", workflow_id=run, wait=2)
            return state if state["status"] in wanted else None

        found: dict[str, Any] = wait_until(there, seconds=SECONDS, what=f"{run} is {wanted}")
        return found

    def node(self, run: str, node: str) -> dict[str, Any]:
        """Return a node of a run."""
        state = self.call("workflow_get", workflow_id=run)
        return next(each for each in state["nodes"] if each["id"] == node)

    def until_node(self, run: str, node: str, *statuses: str) -> dict[str, Any]:
        """Return a node once it has one of these states."""

        def there() -> dict[str, Any] | None:
            found = self.node(run, node)
            return found if found["status"] in statuses else None

        found: dict[str, Any] = wait_until(there, seconds=SECONDS, what=f"{node} is {statuses}")
        return found


@contextmanager
def flows(home: Path, **options: Any) -> Iterator[Flows]:
    """Start a server, and end it and its workers."""
    try:
        with JupyterServer(home, collaboration=False, **options) as server:
            yield Flows(server)
    finally:
        end_workers(home)
