"""The time that counts where several hosts write: on Postgres the database's own.

Hosts' clocks differ. What one host writes and another compares, such as the end of a lease or when
something was last told, would be wrong by that difference. SQLite is one host's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection


def moment(connection: Connection, here: float) -> Any:
    """Return the present as a value for a statement, in Unix seconds.

    Args:
        connection: Where the statement is run.
        here: What this host's clock says, which counts on SQLite.
    """
    if connection.dialect.name != "postgresql":
        return here
    from sqlalchemy import Float, cast, func

    return cast(func.extract("epoch", func.clock_timestamp()), Float(53))
