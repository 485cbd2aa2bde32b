"""What a cell of a notebook file is called, by every tool that names one.

Notebook files come in all conditions: older ones have no cell ids, broken ones have the same id
twice. What one tool cites another has to find, so there is one rule for all of them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

ID_MINOR = 5
"""nbformat 4.5 is the first with cell ids (JEP 62)."""


def addresses(cells: Sequence[Mapping[str, Any]], minor: int) -> list[str]:
    """Return a unique id for each cell, stable while the cells stay as they are.

    Args:
        cells: All cells of a notebook in nbformat's JSON.
        minor: The notebook's ``nbformat_minor``; below 5 its ids do not count, for they are not
            in the file.
    """
    taken: Counter[str] = Counter()
    result = []
    for cell in cells:
        given = cell.get("id") if minor >= ID_MINOR else None
        address = str(given) if given else _derived(cell)
        taken[address] += 1
        unique = address if taken[address] == 1 else f"{address[:56]}-{taken[address]}"
        result.append(unique)
    return result


def _derived(cell: Mapping[str, Any]) -> str:
    """Derive an id from the content: a cell that was changed by others is then simply gone."""
    source = cell.get("source", cell.get("input"))  # the latter before nbformat 4
    text = f"{_text(cell.get('cell_type'))}\0{_text(source)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _text(value: object) -> str:
    """Return a text of a file as one string, whatever stands in its place."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
