"""Lets DBOS wait for a Postgres that is away, whatever way it is away.

DBOS tries again when a connection fails, but knows that by the driver's words (dbos 3.4,
`retriable_postgres_exception`): a socket that is not there, or a host whose name is not known for
a moment, fails in others, and the workflow would count as failed for good. What it heeds besides is
SQLAlchemy's mark of a lost connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext


def wait_for_postgres() -> None:
    """Have every failure to connect in this process count as a lost connection."""
    from sqlalchemy import Engine, event

    if not event.contains(Engine, "handle_error", _mark):
        event.listen(Engine, "handle_error", _mark)


def _mark(context: ExceptionContext) -> None:
    is_postgres = context.dialect.name == "postgresql"
    if is_postgres and context.connection is None and _is_operational(context):
        context.is_disconnect = True


def _is_operational(context: ExceptionContext) -> bool:
    from sqlalchemy.exc import OperationalError

    return isinstance(context.sqlalchemy_exception, OperationalError)
