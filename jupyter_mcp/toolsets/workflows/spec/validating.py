"""From JSON data to the models, and from what pydantic says to what a person can act on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from jupyter_mcp.toolsets.workflows.spec.models import (
    KINDS,
    NODES,
    WORKS,
    Branch,
    Compensation,
    Model,
    Notice,
    Otherwise,
    Retry,
    Rule,
    Spec,
    Threshold,
)
from jupyter_mcp.toolsets.workflows.spec.models.nodes import SEMVER
from jupyter_mcp.toolsets.workflows.spec.models.parts import ID
from jupyter_mcp.toolsets.workflows.spec.problems import Problem
from jupyter_mcp.toolsets.workflows.spec.references import Place, nearest, shown

SHOWN = 80
_NOTHING = object()

_PARTS: dict[str, type[Model]] = {
    "retry": Retry,
    "compensate": Compensation,
    "thresholds": Threshold,
    "rules": Rule,
    "branches": Branch,
    "otherwise": Otherwise,
    "notify": Notice,
}
_TYPES = {
    "string_type": ("has to be text.", "Put it in quotes."),
    "int_type": ("has to be a whole number.", "Write it without quotes and without a point."),
    "int_from_float": ("has to be a whole number.", "Write it without a point."),
    "float_type": ("has to be a number.", "Write it without quotes."),
    "finite_number": ("has to be a number.", ""),
    "bool_type": ("has to be true or false.", ""),
    "list_type": ("has to be a list.", "Put it in brackets: [ … ]."),
    "tuple_type": ("has to be a list.", "Put it in brackets: [ … ]."),
    "dict_type": ("has to be a mapping.", "Write 'key: value'."),
    "model_type": ("has to be a mapping.", "Write 'key: value'."),
    "model_attributes_type": ("has to be a mapping.", "Write 'key: value'."),
    "string_too_short": ("is empty.", "Fill it in, or leave the field out."),
}
_PATTERNS = {
    ID: ("is no id.", "Use letters, digits, '_' and '-', no digit first, at most 64 characters."),
    SEMVER: ("is no version.", "Write three numbers, as in 1.0.0."),
}
_LIMITS = {
    "greater_than": ("has to be more than {gt}.", "gt"),
    "greater_than_equal": ("has to be at least {ge}.", "ge"),
    "less_than_equal": ("has to be at most {le}.", "le"),
    "string_too_long": ("has more than {max_length} characters.", "max_length"),
    "too_long": ("has more than {max_length} entries.", "max_length"),
    "too_short": ("has no entries.", "min_length"),
}


def validate(data: Any) -> tuple[Spec | None, list[Problem]]:
    """Return JSON data as a spec, or everything that its form has wrong."""
    try:
        return Spec.model_validate(data), []
    except ValidationError as error:
        found: dict[tuple[str, str], Problem] = {}
        for each in error.errors(include_url=False):
            if each["type"] == "too_short" and each["input"]:
                continue  # its entries were all wrong, which is told of them
            problem = _problem(dict(each), data)
            found.setdefault((problem.place, problem.message), problem)
        return None, list(found.values())


def _problem(error: Mapping[str, Any], data: Any) -> Problem:
    kind = str(error["type"])
    path = _path(error["loc"], data, kind in {"missing", "extra_forbidden"})
    context = error.get("ctx", {})
    if kind in _SPECIAL:
        return _SPECIAL[kind](path, error, data)
    what = _what(path)
    if kind in _TYPES:
        return Problem(shown(path), f"{what} {_TYPES[kind][0]}", _TYPES[kind][1])
    if kind in _LIMITS:
        message = _LIMITS[kind][0].format_map({key: _number(context[key]) for key in context})
        return Problem(shown(path), f"{what} {message}")
    message = str(error["msg"])[:300].rstrip(".")
    return Problem(shown(path), f"{what} is not right: {message}.")


def _path(location: tuple[str | int, ...], data: Any, keeps_last: bool) -> Place:
    """Return the place in the data: pydantic also names the branches of its unions.

    Args:
        location: The place as pydantic names it.
        data: The data.
        keeps_last: Whether the last part is a field, even if it is not there.
    """
    path: list[str | int] = []
    value = data
    for part in location:
        inner = _at(value, (part,), _NOTHING)
        if inner is not _NOTHING:
            value = inner
            path.append(part)
    if keeps_last and len(location) and (not path or path[-1] != location[-1]):
        path.append(location[-1])
    return tuple(path)


def _missing(path: Place, _error: Mapping[str, Any], data: Any) -> Problem:
    name, model = str(path[-1]) if path else "", _model_at(path[:-1], data)
    known = model.model_fields.get(name) if model else None
    remedy = f"It says: {_sentence(known.description)}" if known and known.description else ""
    return Problem(shown(path[:-1]), f"'{name}' is missing{_where(path[:-1], data)}.", remedy)


def _unknown(path: Place, _error: Mapping[str, Any], data: Any) -> Problem:
    name, model = str(path[-1]) if path else "", _model_at(path[:-1], data)
    known = [field.alias or key for key, field in model.model_fields.items()] if model else []
    told = f"There is no field {name[:SHOWN]!a}{_where(path[:-1], data)}."
    return Problem(shown(path), told, nearest(name, known))


def _unknown_kind(path: Place, _error: Mapping[str, Any], data: Any) -> Problem:
    kinds = list(WORKS) if "node" in path else list(KINDS)
    value = _at(data, (*path, "kind"))
    told = f"There is no kind {str(value)[:SHOWN]!a}."
    if str(value) in KINDS:
        told = f"A map cannot repeat the kind '{value}'."
    return Problem(shown((*path, "kind")), told, nearest(str(value), kinds))


def _no_kind(path: Place, _error: Mapping[str, Any], _data: Any) -> Problem:
    return Problem(shown(path), "'kind' is missing.", f"Choose from: {', '.join(KINDS)}.")


def _literal(path: Place, error: Mapping[str, Any], _data: Any) -> Problem:
    allowed = str(error["ctx"]["expected"]).replace(" or ", ", ")
    told = f"{_what(path)} cannot be {str(error['input'])[:SHOWN]!a}."
    return Problem(shown(path), told, f"Choose from: {allowed}.")


def _pattern(path: Place, error: Mapping[str, Any], _data: Any) -> Problem:
    line = ("is not one line of text.", "Write 1 to 300 characters in one line.")
    message, remedy = _PATTERNS.get(error["ctx"]["pattern"], line)
    if path == ("name",):
        message, remedy = "is no name.", "Write 1 to 128 characters without '/', '\\' and '@'."
    value = str(error["input"])[:SHOWN]
    return Problem(shown(path), f"{value!a} {message}", remedy)


def _own(path: Place, error: Mapping[str, Any], _data: Any) -> Problem:
    told = str(error["msg"]).removeprefix("Value error, ")
    message, _, remedy = told.partition(". ")
    return Problem(shown(path), f"{message.rstrip('.')}.", remedy)


_SPECIAL: dict[str, Callable[[Place, Mapping[str, Any], Any], Problem]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _no_kind,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "value_error": _own,
}


def _model_at(path: Place, data: Any) -> type[Model] | None:
    """Return the model of the mapping at a place."""
    names = [part for part in path if isinstance(part, str)]
    if not names or names[-1] == "workflow":
        return Spec
    if names[-1] in _PARTS:
        return _PARTS[names[-1]]
    kind = _at(data, (*path, "kind"))
    models: Mapping[Any, type[Model]] = WORKS if names[-1] == "node" else NODES
    return models.get(kind) if isinstance(kind, str) else None


def _where(path: Place, data: Any) -> str:
    model = _model_at(path, data)
    if model is Spec:
        return " in a workflow"
    if model in _PARTS.values():
        return f" in '{_last(path)}'"
    return f" in a node of the kind '{_at(data, (*path, 'kind'))}'" if model else ""


def _last(path: Place) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _what(path: Place) -> str:
    return f"'{_last(path)[:SHOWN]}'" if path and isinstance(path[-1], str) else "This"


def _at(data: Any, path: Place, missing: Any = None) -> Any:
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return missing
    return data


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sentence(text: str) -> str:
    return " ".join(text.replace("``", "'").replace("`", "'").split())
