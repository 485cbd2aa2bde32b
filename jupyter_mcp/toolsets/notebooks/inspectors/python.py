"""Looks at the variables of a Python kernel, inside of it.

This file is not imported by the server: its text is evaluated in the kernel, in a namespace of its
own with the real builtins, so nothing that a person named ``len`` or ``list`` gets in its way, and
it leaves nothing behind. It needs the standard library only and Python 3.8, takes no expression to
evaluate, and reads libraries' objects by what they offer rather than by importing the libraries.
"""

from __future__ import annotations

import inspect
import json
import math
import reprlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

TEXT = 4000
SHORT = 80
ITEMS = 30
COLUMNS = 60
ROWS = 5
CELL = 60
MANY_CELLS = 5_000_000
HUGE = 1000
"""Digits of an integer that Python refuses to turn into text, or nearly so."""

_NUMERIC = "iufb"
_PLAIN = (type(None), bool, int, float, complex, str, bytes, range)
_CONTAINERS = (list, tuple, set, frozenset, dict)


def answer(namespace: dict[Any, Any], request: dict[str, Any]) -> str:
    """Return the JSON answer to a request: ``{"do": "list"}`` or ``{"do": "inspect", "path"}``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if request["do"] == "list":
            result = {"variables": listed(namespace)}
        else:
            result = inspected(namespace, request["path"])
    return json.dumps(result, default=str)


def listed(namespace: dict[Any, Any]) -> list[dict[str, str]]:
    """Return name, type and a summary of each variable that the person made."""
    hidden = _hidden()
    rows = []
    for name in sorted(key for key in list(namespace) if type(key) is str):
        value = namespace[name]
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if name in hidden and hidden[name] is value:
            continue
        rows.append({"name": name, "type": type_name(value), "summary": summary(value)})
    return rows


def inspected(namespace: dict[Any, Any], path: list[Any]) -> dict[str, Any]:
    """Return what there is to know of the value at `path`, a list of names, keys and indexes."""
    value, missing = _resolve(namespace, path)
    if missing is not None:
        return {"missing": missing}
    told = {"type": type_name(value), "summary": summary(value)}
    told["kind"] = kind = _kind(value)
    try:
        told.update(_TELLERS[kind](value))
    except Exception as error:
        told["note"] = "Not all could be read: %s" % cut(type(error).__name__, SHORT)
    return told


def type_name(value: Any) -> str:
    """Return the name of a value's type, with its module unless it is a builtin."""
    kind = type(value)
    module = getattr(kind, "__module__", "")
    name = getattr(kind, "__qualname__", "") or kind.__name__
    return name if module in ("builtins", "__main__") else "%s.%s" % (module.split(".")[0], name)


def summary(value: Any) -> str:
    """Return one short line; code of the person's own classes is not run for it."""
    try:
        return _summary(value)
    except Exception:
        return ""


def _summary(value: Any) -> str:  # noqa: PLR0911 - a line for each kind of value
    kind = _kind(value)
    if kind == "dataframe":
        return "%d rows x %d columns" % tuple(value.shape)
    if kind in ("series", "array"):
        return "%s %s" % (getattr(value, "dtype", ""), "x".join(map(str, value.shape)))
    if type(value) in _CONTAINERS:
        return "%d items" % len(value)
    if type(value) in (str, bytes) and len(value) > SHORT:
        return "%s (%d long)" % (cut(repr(value[:SHORT]), SHORT), len(value))
    if type(value) in _PLAIN:
        return cut(repr(value), SHORT) if _digits(value) < HUGE else "a very large number"
    if kind == "callable":
        return cut(_signature(value), SHORT)
    return ""


def cut(text: str, size: int) -> str:
    """Return `text`, at most `size` characters of it."""
    return text if len(text) <= size else text[: size - 3] + "..."


def _resolve(namespace: dict[Any, Any], path: list[Any]) -> tuple[Any, str | None]:
    name = path[0]
    if name not in namespace:
        close = [key for key in namespace if type(key) is str and key.lower() == name.lower()]
        hint = " Did you mean %s?" % close[0] if close else ""
        return None, "There is no variable %r.%s" % (name, hint)
    value = namespace[name]
    for step, key in path[1:]:
        try:
            value = getattr(value, key) if step == "attribute" else value[key]
        except Exception as error:
            return None, "%s %r: %s" % (
                step,
                key,
                cut("%s: %s" % (type(error).__name__, error), 200),
            )
    return value, None


def _hidden() -> dict[str, Any]:
    """Return the names that IPython itself put into the namespace."""
    module = sys.modules.get("IPython.core.interactiveshell")
    shell = getattr(getattr(module, "InteractiveShell", None), "_instance", None)
    return getattr(shell, "user_ns_hidden", None) or {}


def _kind(value: Any) -> str:
    kind = type(value)
    module = (getattr(kind, "__module__", "") or "").split(".")[0]
    shape = None if isinstance(value, type) else _shape(value, module)
    if shape is not None and module in ("pandas", "polars", "geopandas", "modin"):
        return {1: "series", 2: "dataframe"}.get(len(shape), "other")
    if shape is not None:
        return "array"
    if isinstance(value, dict):
        return "mapping"
    if type(value) in (list, tuple, set, frozenset):
        return "sequence"
    if inspect.isroutine(value) or inspect.isclass(value):
        return "callable"
    return "other"


def _shape(value: Any, module: str) -> tuple[int, ...] | None:
    """Return the shape of what comes from a library of arrays or tables."""
    if module in ("builtins", "__main__"):
        return None
    try:
        shape = tuple(int(length) for length in value.shape)
    except Exception:
        return None
    return shape if hasattr(value, "dtype") or hasattr(value, "columns") else None


def _tell_dataframe(value: Any) -> dict[str, Any]:
    columns = list(value.columns)
    shown = columns[:COLUMNS]
    cheap = value.shape[0] * max(1, value.shape[1]) <= MANY_CELLS
    head = value.head(ROWS)
    told: dict[str, Any] = {
        "shape": list(value.shape),
        "columns": [_column(value, index, name, cheap) for index, name in enumerate(shown)],
        "head": [
            [cut(str(_at(head, row, index)), CELL) for index in range(len(shown))]
            for row in range(len(head))
        ],
    }
    if hasattr(head, "index"):
        told["index"] = [cut(str(label), CELL) for label in list(head.index)]
    if len(columns) > COLUMNS:
        told["columns_left_out"] = len(columns) - COLUMNS
    if not cheap:
        told["note"] = "Too large for statistics."
    return told


def _at(frame: Any, row: int, index: int) -> Any:
    return frame.iloc[row, index] if hasattr(frame, "iloc") else frame[row, index]


def _column(frame: Any, index: int, name: str, cheap: bool) -> dict[str, Any]:
    series = frame.iloc[:, index] if hasattr(frame, "iloc") else frame[:, index]
    told = {"name": str(name), "dtype": str(series.dtype)}
    if cheap:
        told.update(_statistics(series))
    return told


def _tell_series(value: Any) -> dict[str, Any]:
    head = [cut(str(item), CELL) for item in value.head(ITEMS)]
    told: dict[str, Any] = {"shape": list(value.shape), "dtype": str(value.dtype), "head": head}
    if value.shape[0] <= MANY_CELLS:
        told.update(_statistics(value))
    return told


def _statistics(series: Any) -> dict[str, Any]:
    """Return nulls and, for numbers, the range; what a library cannot tell is left out."""
    told: dict[str, Any] = {}
    _try(
        told,
        "nulls",
        lambda: int(series.isna().sum() if hasattr(series, "isna") else series.null_count()),
    )
    if _is_numeric(series.dtype):
        for name in ("min", "max", "mean"):
            _try(told, name, _statistic(series, name))
    else:
        counter = "nunique" if hasattr(series, "nunique") else "n_unique"
        _try(told, "unique", _statistic(series, counter))
    return told


def _statistic(series: Any, name: str) -> Callable[[], Any]:
    return lambda: _number(getattr(series, name)())


def _is_numeric(dtype: Any) -> bool:
    if getattr(dtype, "kind", None) is not None:
        return dtype.kind in _NUMERIC
    return str(dtype).lower().startswith(("int", "uint", "float", "decimal"))


def _tell_array(value: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "shape": [int(length) for length in value.shape],
        "dtype": str(getattr(value, "dtype", "")),
        "repr": cut(repr(value), TEXT),
    }
    size = 1
    for length in told["shape"]:
        size *= length
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if 0 < size <= MANY_CELLS and kind and kind in _NUMERIC:
        for name in ("min", "max", "mean"):
            _try(told, name, _statistic(value, name))
    _try(told, "bytes", lambda: int(value.nbytes))
    return told


def _tell_mapping(value: Any) -> dict[str, Any]:
    items: list[Any] = []
    for key in value:
        if len(items) == ITEMS:
            break
        items.append([_brief(key), _brief(value[key])])
    return {"length": len(value), "items": items}


def _tell_sequence(value: Any) -> dict[str, Any]:
    items: list[Any] = []
    for item in value:
        if len(items) == ITEMS:
            break
        items.append(_brief(item))
    return {"length": len(value), "items": items}


def _tell_callable(value: Any) -> dict[str, Any]:
    told = {"signature": _signature(value)}
    _try(told, "doc", lambda: cut(inspect.getdoc(value) or "", TEXT))
    _try(told, "source", lambda: cut(inspect.getsource(value), TEXT))
    return told


def _tell_other(value: Any) -> dict[str, Any]:
    if type(value) in (str, bytes):
        text = cut(repr(value[:TEXT]), TEXT)
    elif _digits(value) >= HUGE:
        text = "a number of %d bits" % value.bit_length()
    else:
        try:
            text = cut(repr(value), TEXT)
        except Exception as error:
            text = "<its repr failed: %s>" % type(error).__name__
    told: dict[str, Any] = {"repr": text}
    if type(value) not in _PLAIN:
        names = [name for name in dir(value) if not name.startswith("_")]
        told["attributes"] = names[:ITEMS]
    return told


def _brief(value: Any) -> str:
    """Return a short text for an item inside of something larger."""
    short = summary(value)
    if short and type(value) in _PLAIN:
        return short
    if short:
        return "%s, %s" % (type_name(value), short)
    small = reprlib.Repr()
    small.maxother = small.maxstring = small.maxlong = SHORT
    try:
        return cut(small.repr(value), SHORT)
    except Exception:
        return type_name(value)


def _digits(value: Any) -> int:
    """Return about how many digits an integer has: turning a huge one into text is refused."""
    return value.bit_length() // 3 if type(value) is int else 0


def _signature(value: Any) -> str:
    try:
        return "%s%s" % (value.__name__, inspect.signature(value))
    except Exception:
        return str(getattr(value, "__name__", ""))


def _number(value: Any) -> float:
    number = value.item() if hasattr(value, "item") else value
    return number if type(number) in (int, bool) else float(number)


def _try(told: dict[str, Any], name: str, compute: Callable[[], Any]) -> None:
    try:
        value = compute()
    except Exception:
        return
    if math.isfinite(value) if isinstance(value, float) else True:
        told[name] = value


_TELLERS = {
    "dataframe": _tell_dataframe,
    "series": _tell_series,
    "array": _tell_array,
    "mapping": _tell_mapping,
    "sequence": _tell_sequence,
    "callable": _tell_callable,
    "other": _tell_other,
}
