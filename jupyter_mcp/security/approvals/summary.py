"""What a call wants to do, in lines that a person can judge by.

The text comes from an agent, so nothing in it may pretend to be ours: characters that nobody sees
are spelled out, each line of a value is indented below its name, and what is long is cut in the
middle, because both ends of a command matter. Values that look like secrets are never shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.security.canonical import canonical, sha256
from jupyter_mcp.security.secret_arguments import Shape, is_secret, shape_of
from jupyter_mcp.security.visible import visible

VALUE_LIMIT = 1_500
"""The most characters of one value that are shown."""

VALUES_LIMIT = 40
"""The most values that are shown."""

HIDDEN = "(hidden)"


def summarise(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return one ``name: value`` for each argument, the further lines of a value indented.

    Args:
        arguments: The arguments as they came.
        schema: The tool's JSON Schema, which may mark arguments, and parts of them, as secret.
    """
    shape = shape_of(schema)
    shown = list(arguments.items())[:VALUES_LIMIT]
    lines = [
        f"{visible(str(name))}: {_value(str(name), value, shape.within(str(name)))}"
        for name, value in shown
    ]
    if (more := len(arguments) - len(shown)) > 0:
        lines.append(f"({more} more)")
    return "\n".join(lines)


def arguments_hash(arguments: Mapping[str, Any], topic: str = "") -> str:
    """Return SHA-256 of the arguments as canonical JSON.

    Args:
        arguments: The arguments as they came.
        topic: Why somebody is asked, where it is not the policy: a yes to one is none to another.
    """
    text = canonical(arguments, default=str)
    return sha256(f"{topic}\n{text}" if topic else text)


def _value(name: str, value: Any, shape: Shape) -> str:
    if is_secret(name, value, shape):
        return HIDDEN
    if isinstance(value, str):
        text = visible(_cut(value), lines=True)
    else:
        told = _without_secrets(value, shape)
        text = visible(_cut(json.dumps(told, ensure_ascii=False, default=str)))
    return text.replace("\n", "\n    ")


def _without_secrets(value: Any, shape: Shape) -> Any:
    if isinstance(value, Mapping):
        inner = {key: shape.within(str(key)) for key in value}
        return {
            key: HIDDEN
            if is_secret(str(key), each, inner[key])
            else _without_secrets(each, inner[key])
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [HIDDEN if shape.item.hidden else _without_secrets(v, shape.item) for v in value]
    return value


def _cut(text: str) -> str:
    if len(text) <= VALUE_LIMIT:
        return text
    half = VALUE_LIMIT // 2
    return f"{text[:half]} … ({len(text) - 2 * half} characters left out) … {text[-half:]}"
