"""How a workflow acts for its owner: by a token for five minutes that the server gives its worker.

A run keeps who asked for it, and what they might do. Its tokens carry just that, and are good as
long as that person or token still is: whoever is shut out, or whose token is revoked, does nothing
more by a workflow either. Like a token that the owner made, it is another credential than theirs,
so that an owner can answer for what their workflow asks, and the workflow cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mcp.security import recorded
from jupyter_mcp.security.principal import Principal, fingerprint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.storage import Storage

SECONDS = 300.0
"""For how long such a token is good."""

RUN = "run:"
"""Begins what stands in place of a family in such a token; the run follows."""


WORKFLOW = "jupyter-mcp/workflow"
"""The key in a request's ``_meta`` under which a worker says which ``run`` and ``node`` calls."""

RESULT_OF = "jupyter-mcp/result-of"
"""The key in the ``_meta`` of a result under which the run stands whose call has given it."""


def run_of(meta: Mapping[str, Any]) -> str:
    """Return the run that a worker says it calls for; empty where it says none."""
    told = meta.get(WORKFLOW)
    run = told.get("run") if isinstance(told, Mapping) else None
    return run if isinstance(run, str) else ""


@dataclass(frozen=True, slots=True)
class ActingToken:
    """A token by which a workflow acts for its owner.

    Args:
        token: What is shown.
        expires: Unix time of its end.
        principal: Who shows it.
    """

    token: str = field(repr=False)
    expires: float
    principal: Principal


def acting_for(owner: Principal, expires: float) -> Principal:
    """Return a workflow as it acts for its owner."""
    return Principal(
        id=owner.id,
        name=owner.name,
        scopes=owner.scopes,
        credential=fingerprint(f"workflows of {owner.id} {owner.bound_to}"),
        kind="client",
        groups=owner.groups,
        token=owner.token,
        maker=owner,
        toolsets=owner.toolsets,
        notebooks=owner.notebooks,
        expires=expires,
        is_workflow=True,
    )


async def owner_of(storage: Storage, run: str, home: str) -> tuple[Principal, str] | None:
    """Return whose run it is and its status; None when there is no such run in a home."""
    row: Any = await storage.run(lambda connection: _row(connection, run, home))
    return None if row is None else (recorded.from_json(row.principal), row.status)


def _row(connection: Connection, run: str, home: str) -> Any:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as runs

    wanted = select(runs.c.principal, runs.c.status).where(runs.c.id == run, runs.c.home == home)
    return connection.execute(wanted).first()
