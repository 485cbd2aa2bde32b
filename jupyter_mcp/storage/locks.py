"""Locks that end with their transaction, for what must not be done twice at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NUMBERS = {"schema": 0x6A6D6370, "audit": 0x6A6D6371, "workflows": 0x6A6D6372}
"""Numbers of Postgres's advisory locks; any will do that nobody else uses."""


def lock(connection: Connection, what: Literal["schema", "audit", "workflows"]) -> None:
    """Let nobody else who locks `what` go on until this transaction ends.

    SQLite locks the whole database, before anything is read, so that what is read then is the
    newest.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_NUMBERS[what]})")
