"""The hash chain of the audit: each record's hash covers all that came before it.

Whoever changes, swaps or takes away a record has to change every hash after it. The chain proves
that nobody did so without rewriting all; who can write the database can rewrite all, so where that
matters keep the head (`jupyter mcp audit --verify` prints it) somewhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""What stands for the hash before the first record."""

COLUMNS = ("at", "kind", "principal", "client", "door", "operation", "outcome")
"""What is kept in columns too, to search by; it has to agree with the record."""

_WIDTHS = {
    "kind": 32,
    "principal": 200,
    "client": 200,
    "door": 32,
    "operation": 200,
    "outcome": 32,
}


@dataclass(frozen=True, slots=True)
class Break:
    """The first record that is not as it was written.

    Args:
        id: Its number.
        problem: What is wrong with it.
    """

    id: int
    problem: str


def link(previous: str, record: str) -> str:
    """Return the hash of the canonical `record` that comes after the hash `previous`."""
    return hashlib.sha256((previous + record).encode("ascii", "backslashreplace")).hexdigest()


def columns(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a record is kept in columns, cut to their widths."""
    principal, operation = record.get("principal", ""), record.get("operation", "")
    values = {
        "kind": record["kind"],
        "principal": principal["id"] if isinstance(principal, dict) else principal,
        "client": record.get("client", ""),
        "door": record.get("door", ""),
        "operation": operation["name"] if isinstance(operation, dict) else operation,
        "outcome": record.get("outcome", ""),
    }
    cut = {name: _fit(value, _WIDTHS[name]) for name, value in values.items()}
    return {"at": record["at"], **cut}


def broken(rows: Iterable[Any], before: int, previous: str) -> tuple[Break | None, int, str]:
    """Follow the chain through `rows`.

    Args:
        rows: Rows in the order of their numbers.
        before: The number of the record before the first row.
        previous: Its hash.

    Returns:
        The first break or None, and the number and hash of the last good record.
    """
    for row in rows:
        if row.id != before + 1:
            return Break(before + 1, "it is missing"), before, previous
        if problem := _problem(row, previous):
            return Break(row.id, problem), before, previous
        before, previous = row.id, row.hash
    return None, before, previous


def _problem(row: Any, previous: str) -> str:
    if link(previous, row.record) != row.hash:
        return "its contents or its place were changed"
    try:
        expected = columns(json.loads(row.record))
    except (ValueError, TypeError, KeyError):
        return "it is no record"
    wrong = [name for name in COLUMNS if getattr(row, name) != expected[name]]
    return f"its column '{wrong[0]}' was changed" if wrong else ""


def _fit(value: Any, width: int) -> str:
    text = value if type(value) is str else str(value)
    if not text.isascii() or "\0" in text:
        text = text.replace("\0", "\ufffd").encode(errors="replace").decode()
    return text[:width]
