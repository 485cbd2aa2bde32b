"""Runs in a queue that nobody works off, for tests of what the server knows of them."""

from __future__ import annotations

from typing import Any

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.tables import workflow_nodes, workflow_runs
from jupyter_mcp.toolsets.workflows.runs.run import NewRun
from jupyter_mcp.toolsets.workflows.spec import export
from jupyter_mcp.toolsets.workflows.spec.models import Spec

MOST = 1_000


def spec_of(*nodes: dict[str, Any], **more: Any) -> Spec:
    """Return a spec of these nodes."""
    return Spec.model_validate({"name": "flow", "nodes": list(nodes) or [value("a")], **more})


def value(name: str, expression: str = "1", **more: Any) -> dict[str, Any]:
    """Return a node that makes a value."""
    return {"id": name, "kind": "processing", "expression": expression, **more}


def new_run(owner: str = "ann", spec: Spec | None = None, **more: Any) -> NewRun:
    """Return a run that can be put into the queue."""
    wanted = spec or spec_of()
    return NewRun(
        owner=owner,
        principal={"id": owner},
        spec=wanted.to_dict(),
        spec_hash=export.digest(wanted),
        name=wanted.name,
        **more,
    )


async def tell(storage: Storage, run: str, **columns: Any) -> None:
    """Do as a worker that tells something of a run."""
    change = workflow_runs.update().where(workflow_runs.c.id == run).values(**columns)
    await storage.run(lambda connection: connection.execute(change))


async def tell_node(storage: Storage, run: str, node: str, **columns: Any) -> None:
    """Do as a worker that tells something of a node."""
    row = workflow_nodes.insert().values(run=run, node=node, **columns)
    await storage.run(lambda connection: connection.execute(row))
