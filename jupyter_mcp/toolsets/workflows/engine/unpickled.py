"""Has DBOS read no pickles: a pickle is code of whoever has written it.

Ours are JSON, but each row of DBOS' tables says itself how it was written, and to rows that say
``py_pickle`` no serializer of ours is asked (dbos 3.4, ``_serialization.py``). Who could write the
database could so run code in the worker. There is no option against that.
"""

from __future__ import annotations

from typing import Any


def refuse_pickles() -> None:
    """Have rows that are pickles be as unreadable as those of an unknown serializer."""
    from dbos._serialization import DefaultSerializer

    DefaultSerializer.deserialize = _refuse  # type: ignore[assignment,method-assign]


def _refuse(_: Any, __: str) -> Any:
    raise TypeError("Serialization py_pickle is not available")
