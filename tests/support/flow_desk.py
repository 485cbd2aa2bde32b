"""The tools of workflows at a runtime whose runs nobody takes up: a test says how they go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset
from support.queued import tell, tell_node, value
from support.runtimes import OWNER, PERSON, call, running


@dataclass
class Desk:
    """The tools.

    Args:
        runtime: The runtime.
        begun: How often a worker was asked for.
        failure: What starting one raises.
    """

    runtime: Runtime = field(init=False)
    begun: int = 0
    failure: Exception | None = None
    principals: dict[str, Principal] = field(default_factory=dict)

    @property
    def storage(self) -> Storage:
        return self.runtime.storage

    async def call(self, tool: str, /, principal: Principal = OWNER, **arguments: Any) -> Result:
        """Return the result of a call."""
        result: Result = await call(self.runtime, tool, principal, **arguments)
        return result

    async def get(self, tool: str, /, principal: Principal = OWNER, **arguments: Any) -> Any:
        """Return the structured result of a call that is done."""
        result = await self.call(tool, principal, **arguments)
        assert not result.is_error, result.content
        return result.structured

    async def refused(
        self, tool: str, /, principal: Principal = OWNER, **arguments: Any
    ) -> ToolError:
        """Return the error of a call."""
        result = await self.call(tool, principal, **arguments)
        assert result.error is not None, result
        return result.error

    async def start(self, *nodes: dict[str, Any], **more: Any) -> str:
        """Start a workflow and return its identifier."""
        spec = {"name": "flow", "nodes": list(nodes) or [value("a")]}
        run: str = (await self.get("workflow_start", spec=spec, **more))["workflow_id"]
        return run

    async def tell(self, run: str, **columns: Any) -> None:
        """Do as a worker that tells something of a run."""
        await tell(self.storage, run, **columns)

    async def tell_node(self, run: str, node: str, **columns: Any) -> None:
        """Do as a worker that tells something of a node."""
        await tell_node(self.storage, run, node, **columns)

    async def begin_worker(self) -> None:
        """Stand for a worker."""
        self.begun += 1
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def desk(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """Open the tools."""
    opened = Desk()
    with pytest.MonkeyPatch.context() as patch:
        # Of the class, because a runtime that finds left work begins a worker while it starts.
        patch.setattr(WorkflowToolset, "_begin_worker", lambda _: opened.begin_worker())
        async with running(folder, **settings) as opened.runtime:
            yield opened


__all__ = ["OWNER", "PERSON", "Desk", "desk"]
