"""What a call wants to do, in lines that a person can judge by.

The text comes from an agent, so nothing in it may pretend to be ours: characters that nobody sees
are spelled out, each line of a value is indented below its name, and what is long is cut in the
middle, because both ends of a command matter. Values that look like secrets are never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.security.canonical import canonical, sha256
from jupyter_mcp.security.visible import visible

VALUE_LIMIT = 1_500
"""The most characters of one value that are shown."""

VALUES_LIMIT = 40
"""The most values that are shown."""

HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"pass(word|phrase)?$|secret|token|api_?key|credential|authorization", re.IGNORECASE
)


def summarise(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return one ``name: value`` for each argument, the further lines of a value indented.

    Args:
        arguments: The arguments as they came.
        schema: The tool's JSON Schema, which may mark an argument as secret.
    """
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    shown = list(arguments.items())[:VALUES_LIMIT]
    lines = [
        f"{visible(str(name))}: {_value(name, value, known.get(name))}" for name, value in shown
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


def _value(name: str, value: Any, spec: Any) -> str:
    if _is_secret(name, spec):
        return HIDDEN
    if isinstance(value, str):
        text = visible(_cut(value), lines=True)
    else:
        text = visible(_cut(json.dumps(_without_secrets(value), ensure_ascii=False, default=str)))
    return text.replace("\n", "\n    ")


def _is_secret(name: str, spec: Any) -> bool:
    marked = isinstance(spec, Mapping) and (
        spec.get("format") == "password" or bool(spec.get("writeOnly"))
    )
    return marked or _SECRET.search(str(name)) is not None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _is_secret(key, None) else _without_secrets(inner)
            for key, inner in value.items()
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _cut(text: str) -> str:
    if len(text) <= VALUE_LIMIT:
        return text
    half = VALUE_LIMIT // 2
    return f"{text[:half]} … ({len(text) - 2 * half} characters left out) … {text[-half:]}"
