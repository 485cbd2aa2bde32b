"""Looks at the variables of a Python kernel, from inside it.

This file is not imported by the server: its text is sent to the kernel and runs there in a
namespace of its own, so it leaves nothing behind and does not see names that the user shadowed. It
uses the standard library only, works with any Python from 3.8 on, and never raises: what cannot be
shown is named by its type. pandas and numpy are recognised by their attributes and not imported.

`answer(namespace, hidden, request)` returns JSON text.
"""

from __future__ import annotations

import ast
import json
import math
import sys
import types
from typing import Any, Dict

Names = Dict[str, Any]
Facts = Dict[str, Any]

LIMITS = {
    "text": 2000,
    "line": 120,
    "items": 20,
    "rows": 5,
    "columns": 30,
    "container": 1000,
    "numbers": 10_000_000,
}


def answer(namespace: Names, hidden: Any, request: Any) -> str:
    """Answer ``{"list": …}`` or ``{"inspect": "name.path[0]"}`` as JSON text."""
    try:
        if "inspect" in request:
            result = inspect(namespace, request["inspect"])
        else:
            result = listing(namespace, hidden)
    except LookupError as error:
        result = {"error": "not_found", "message": str(error.args[0] if error.args else error)}
    except Exception as error:
        result = {"error": "failed", "message": cut(type(error).__name__ + ": " + str(error), 300)}
    return json.dumps(result)


def listing(namespace: Names, hidden: Any) -> Facts:
    """List the user's variables: those that the shell did not put there."""
    found = []
    for name in sorted(namespace):
        value = namespace[name]
        if name.startswith("_") or name in hidden or isinstance(value, types.ModuleType):
            continue
        found.append(brief(name, value))
    return {"variables": found}


def brief(name: str, value: Any) -> Facts:
    """One line about a value: its type, shape or length, size and the start of its text."""
    entry: Facts = {"name": name, "type": type_name(value), "summary": summary(value)}
    shape = shape_of(value)
    if shape is not None:
        entry["shape"] = shape
    size = size_of(value)
    if size is not None:
        entry["bytes"] = size
    return entry


def inspect(namespace: Names, path: str) -> Facts:
    """All that is worth knowing of the value at `path`."""
    value = resolve(namespace, path)
    entry = brief(path, value)
    entry["repr"] = cut(safe_repr(value), LIMITS["text"])
    doc = getattr(value, "__doc__", None) if callable(value) else None
    if isinstance(doc, str):
        entry["doc"] = cut(doc, LIMITS["text"])
    for describe in (frame, array, mapping, sequence):
        try:
            more = describe(value)
        except Exception:
            more = None
        if more:
            entry.update(more)
            break
    return entry


def resolve(namespace: Names, path: str) -> Any:
    """Follow names, attributes and constant subscripts; nothing is called, nothing evaluated."""
    return follow(namespace, ast.parse(path.strip(), mode="eval").body)


def follow(namespace: Names, node: Any) -> Any:
    """Return the value of one node of the path."""
    if isinstance(node, ast.Name):
        if node.id not in namespace:
            raise LookupError("There is no variable '%s'." % node.id)
        return namespace[node.id]
    if isinstance(node, ast.Attribute):
        return getattr(follow(namespace, node.value), node.attr)
    if isinstance(node, ast.Subscript):
        key = node.slice
        key = getattr(key, "value", key) if type(key).__name__ == "Index" else key
        return follow(namespace, node.value)[ast.literal_eval(key)]
    raise LookupError("Only names, attributes and constant subscripts can be looked at.")


def frame(value: Any) -> Facts | None:
    """A data frame or series: schema, first rows, summary of the numbers."""
    dtypes: Any = getattr(value, "dtypes", None)
    if not is_from(value, ("pandas", "polars")) or not hasattr(value, "head"):
        return None
    head = value.head(LIMITS["rows"])
    if not hasattr(value, "columns"):
        return {"dtype": str(getattr(value, "dtype", dtypes)), "head": cut(str(head), 1500)}
    columns = [str(column) for column in value.columns][: LIMITS["columns"]]
    kinds = list(dtypes)[: LIMITS["columns"]]
    schema: list[Facts] = [{"name": c, "dtype": str(k)} for c, k in zip(columns, kinds)]
    if is_from(value, ("pandas",)):
        nulls = [int(count) for count in value.iloc[:, : LIMITS["columns"]].isna().sum()]
        for entry, count in zip(schema, nulls):
            entry["nulls"] = count
    few = head.iloc[:, : LIMITS["columns"]] if hasattr(head, "iloc") else head
    rows = [[plain(cell) for cell in row] for row in rows_of(few)]
    more = {"columns": schema, "head": {"columns": columns, "rows": rows}}
    statistics = describe_numbers(value)
    if statistics:
        more["statistics"] = statistics
    return more


def rows_of(head: Any) -> Any:
    """Return the rows of a small frame."""
    if hasattr(head, "itertuples"):
        return [tuple(row) for row in head.itertuples(index=False, name=None)]
    return head.rows()


def describe_numbers(value: Any) -> Facts | None:
    """Count, mean, deviation and quartiles of the numeric columns of a pandas frame."""
    if not is_from(value, ("pandas",)):
        return None
    numbers = value.select_dtypes("number").iloc[:, : LIMITS["columns"]]
    if not len(numbers.columns) or not len(numbers):
        return None
    table = numbers.describe()
    return {
        str(column): {str(key): plain(cell) for key, cell in table[column].items()}
        for column in table.columns
    }


def array(value: Any) -> Facts | None:
    """An array: its element type and the span of its numbers."""
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        return None
    more: Facts = {"dtype": str(value.dtype)}
    kind = getattr(value.dtype, "kind", "")
    if kind in "iuf" and 0 < getattr(value, "size", 0) <= LIMITS["numbers"]:
        more["statistics"] = {
            "min": plain(value.min()),
            "max": plain(value.max()),
            "mean": plain(value.mean()),
        }
    return more


def mapping(value: Any) -> Facts | None:
    """A dictionary: its first keys and what lies behind them."""
    if not isinstance(value, dict):
        return None
    keys = list(value)[: LIMITS["items"]]
    return {"items": [dict(brief(cut(safe_repr(key), 60), value[key])) for key in keys]}


def sequence(value: Any) -> Facts | None:
    """A list, tuple or set: its first elements."""
    if not isinstance(value, (list, tuple, set, frozenset)):
        return None
    first = list(value)[: LIMITS["items"]]
    return {"items": [brief(str(number), item) for number, item in enumerate(first)]}


def shape_of(value: Any) -> list[int] | None:
    """Return the shape of an array or the length of a container."""
    try:
        if hasattr(value, "shape"):
            return [int(length) for length in value.shape]
        return [len(value)] if not isinstance(value, (str, type)) else None
    except Exception:
        return None


def size_of(value: Any) -> int | None:
    """Return the bytes that the value takes, as far as it can be told."""
    try:
        if is_from(value, ("pandas",)):
            usage = value.memory_usage()
            return int(usage.sum() if hasattr(usage, "sum") else usage)
        if hasattr(value, "nbytes"):
            return int(value.nbytes)
        return sys.getsizeof(value)
    except Exception:
        return None


def is_from(value: Any, packages: tuple[str, ...]) -> bool:
    """Return whether the type of the value comes from one of the packages."""
    return (type(value).__module__ or "").split(".")[0] in packages


def type_name(value: Any) -> str:
    """Return the qualified name of the type."""
    kind = type(value)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else "%s.%s" % (module, kind.__qualname__)


def summary(value: Any) -> str:
    """Return one short line for a table of variables."""
    shape = shape_of(value)
    if shape and is_from(value, ("pandas", "polars", "numpy")):
        return " x ".join(str(length) for length in shape)
    if isinstance(value, types.FunctionType):
        return "function"
    return cut(" ".join(safe_repr(value).split()), LIMITS["line"])


def safe_repr(value: Any) -> str:
    """The repr of a value, without making a huge one of a large container."""
    if isinstance(value, (str, bytes)) and len(value) > LIMITS["text"]:
        return repr(value[: LIMITS["text"]]) + "…"
    if isinstance(value, (list, tuple, set, frozenset, dict)) and len(value) > LIMITS["container"]:
        return "%s of %d items" % (type(value).__name__, len(value))
    try:
        return repr(value)
    except Exception as error:
        return "<%s whose repr raises %s>" % (type_name(value), type(error).__name__)


def plain(value: Any) -> Any:
    """A JSON value for a cell of a table."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return cut(value, 200) if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return cut(str(value), 200)


def cut(text: str, length: int) -> str:
    """Return the text, cut to a length."""
    return text if len(text) <= length else text[: length - 1] + "…"
