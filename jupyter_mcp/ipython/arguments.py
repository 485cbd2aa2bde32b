"""Turns the words that a person typed into a tool's arguments, by the tool's schema.

The server validates again and has the last word; what is caught here is caught sooner and in the
person's own terms: a misspelt name, a missing argument, a number that is none.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.schema import ToolInfo, choices, type_name, variants
from jupyter_mcp.ipython.words import Word

_TRUTH = {"true": True, "yes": True, "y": True, "on": True, "1": True}
_FALSEHOOD = {"false": False, "no": False, "n": False, "off": False, "0": False}


def arguments(info: ToolInfo, words: Iterable[Word], *, complete: bool = True) -> dict[str, Any]:
    """Return the arguments of a call.

    Args:
        info: The tool.
        words: What was typed after its name.
        complete: Whether these are all arguments, so that a missing one is a mistake.

    Raises:
        ToolError: ``invalid_arguments`` with the nearest name or the expected type.
    """
    values: dict[str, Any] = {}
    for word in words:
        if not word.key:
            raise _invalid(
                f"'{word.value}' is not of the form key=value.", f"See %mcp help {info.name}."
            )
        if word.key in values:
            raise _invalid(f"Argument '{word.key}' is given twice.", "Give it once.")
        values[word.key] = _convert(info, word)
    if complete:
        check_names(info, values)
    return values


def check_names(info: ToolInfo, values: Mapping[str, Any]) -> None:
    """Check the names of arguments, before a server has to.

    Raises:
        ToolError: ``invalid_arguments`` for an unknown name or a missing one.
    """
    known = info.arguments
    closed = info.input_schema.get("additionalProperties", False) is False
    for name in values:
        if closed and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {near[0]}?" if near else f"It takes: {', '.join(known)}."
            raise _invalid(f"'{info.name}' has no argument '{name}'.", remedy)
    if missing := [name for name in known if name in info.required and name not in values]:
        names = ", ".join(f"{name}=…" for name in missing)
        raise _invalid(f"'{info.name}' needs {names}", f"See %mcp help {info.name}.")


def convert(info: ToolInfo, name: str, spec: Mapping[str, Any], text: str) -> Any:
    """Return the value that `text` means for an argument with the schema `spec`.

    Raises:
        ToolError: ``invalid_arguments`` when it fits no type of the schema.
    """
    options = variants(info, spec)
    for variant in sorted(options, key=_strictness):
        found, value = _fit(info, variant, text)
        if found:
            return value
    allowed = choices(info, spec)
    remedy = f"Choose from: {', '.join(map(_show, allowed))}." if allowed else ""
    raise _invalid(f"'{name}' wants {type_name(info, spec)}, not '{_short(text)}'.", remedy)


def _convert(info: ToolInfo, word: Word) -> Any:
    if word.is_json:
        try:
            return json.loads(word.value)
        except ValueError as error:
            raise _invalid(f"'{word.key}' is not JSON: {error}.", "Write key:=json.") from None
    spec = info.arguments.get(word.key, {})
    kinds = {variant.get("type") for variant in variants(info, spec)}
    if word.quoted and kinds & {"string", None}:
        return word.value
    return convert(info, word.key, spec, word.value)


def _strictness(variant: Mapping[str, Any]) -> int:
    """Order the types of a union so that text, which takes everything, comes last."""
    order = ["null", "boolean", "integer", "number", "array", "object", "string", None]
    kind = variant.get("type")
    return order.index(kind) if kind in order else len(order)


def _fit(info: ToolInfo, variant: Mapping[str, Any], text: str) -> tuple[bool, Any]:
    value = _parse(info, variant, text)
    allowed = variant.get("enum", [variant["const"]] if "const" in variant else None)
    return (value is not _NO and (allowed is None or value in allowed)), value


_NO = object()


def _parse(  # noqa: PLR0911 - one return for each type of JSON Schema
    info: ToolInfo, variant: Mapping[str, Any], text: str
) -> Any:
    match variant.get("type"):
        case "string":
            return text
        case "null":
            return None if text in {"null", "None", "none"} else _NO
        case "boolean":
            return (_TRUTH | _FALSEHOOD).get(text.lower(), _NO)
        case "integer" | "number" as kind:
            return _number(text, kind)
        case "array":
            return _array(info, variant.get("items") or {}, text)
        case "object":
            return _json(text, dict)
        case _:
            return _any(variant, text)


def _number(text: str, kind: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return _NO
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NO
    if kind == "integer" and isinstance(value, float):
        return int(value) if value.is_integer() else _NO
    return value


def _array(info: ToolInfo, items: Mapping[str, Any], text: str) -> Any:
    if text.startswith("["):
        return _json(text, list)
    if not text:
        return []
    try:
        return [convert(info, "item", items, part.strip()) for part in text.split(",")]
    except ToolError:
        return _NO


def _json(text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return _NO
    return value if isinstance(value, kind) else _NO


def _any(variant: Mapping[str, Any], text: str) -> Any:
    if "enum" in variant or "const" in variant:
        options = variant.get("enum", [variant.get("const")])
        return next((option for option in options if _show(option) == text), _NO)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(text: str) -> str:
    return textwrap.shorten(text, 40, placeholder="…")


def _invalid(message: str, remedy: str) -> ToolError:
    return ToolError("invalid_arguments", message, remedy)
