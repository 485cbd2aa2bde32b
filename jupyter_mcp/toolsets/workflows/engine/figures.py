"""Statistics of data that is already here as JSON: a list, rows, or columns."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mcp.errors import ToolError

FREQUENT = 5
"""How many of the most frequent values are told."""

LONGEST = 200
"""Characters of a frequent value."""

VALUES = "values"
"""The name of the only column of a plain list."""


def figures(data: Any) -> dict[str, Any]:
    """Return ``rows`` and, by column, the statistics of `data`.

    Args:
        data: A list of values, a list of rows as mappings, or a mapping of columns to lists.

    Raises:
        ToolError: ``invalid_arguments`` for anything else.
    """
    columns, rows = _columns(data)
    return {"rows": rows, "columns": {name: column(each) for name, each in columns.items()}}


def column(values: Sequence[Any]) -> dict[str, Any]:
    """Return the statistics of one column; None and NaN are missing values."""
    there = [value for value in values if not _is_missing(value)]
    told: dict[str, Any] = {"count": len(there), "missing": len(values) - len(there)}
    if there and all(isinstance(value, bool) for value in there):
        return {**told, "type": "boolean", "true": sum(there), "false": len(there) - sum(there)}
    if there and all(_is_number(value) for value in there):
        return {**told, "type": "number", **_of_numbers(there)}
    return {**told, "type": "text", **_of_texts(there)}


def _columns(data: Any) -> tuple[dict[str, list[Any]], int]:
    if isinstance(data, Mapping) and all(isinstance(each, list) for each in data.values()):
        columns = {str(name): list(each) for name, each in data.items()}
        return columns, max(map(len, columns.values()), default=0)
    if isinstance(data, list) and data and all(isinstance(row, Mapping) for row in data):
        names = dict.fromkeys(str(name) for row in data for name in row)
        return {name: [row.get(name) for row in data] for name in names}, len(data)
    if isinstance(data, list) and not any(isinstance(each, Mapping | list) for each in data):
        return {VALUES: data}, len(data)
    raise ToolError(
        "invalid_arguments",
        "There are no statistics of this input.",
        "Give a list of values, a list of rows, or a mapping of columns to lists.",
    )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _of_numbers(values: list[Any]) -> dict[str, Any]:
    try:
        numbers = [float(value) for value in values]
        mean = statistics.fmean(numbers)
        deviation = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    except OverflowError:
        raise _too_large() from None
    first, median, third = (
        statistics.quantiles(numbers, n=4, method="inclusive")
        if len(numbers) > 1
        else [numbers[0]] * 3
    )
    if not all(map(math.isfinite, (mean, deviation, first, median, third))):
        raise _too_large()
    return {
        "mean": mean,
        "std": deviation,
        "min": min(values),
        "q1": first,
        "median": median,
        "q3": third,
        "max": max(values),
    }


def _of_texts(values: list[Any]) -> dict[str, Any]:
    texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
    counted = Counter(texts)
    frequent = sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:FREQUENT]
    return {
        "distinct": len(counted),
        "frequent": [{"value": text[:LONGEST], "count": count} for text, count in frequent],
    }


def _too_large() -> ToolError:
    return ToolError(
        "invalid_arguments", "There are numbers too large for statistics.", "Scale them."
    )
