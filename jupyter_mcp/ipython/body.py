"""Reads the body of a ``%%mcp`` cell: a mapping of arguments in JSON or YAML."""

from __future__ import annotations

import json
from typing import Any

import yaml

from jupyter_mcp.errors import ToolError


class _JsonLoader(yaml.SafeLoader):
    """YAML whose scalars are JSON's: a date stays the text that was typed."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - yaml reads this class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(text: str) -> dict[str, Any]:
    """Return the arguments in `text`.

    Raises:
        ToolError: ``invalid_arguments`` when it is no mapping in JSON or YAML, with the line.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = _yaml(text)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ToolError(
            "invalid_arguments",
            "The body must be a mapping of arguments.",
            "Write one 'key: value' a line, or a JSON object.",
        )
    return value


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, _JsonLoader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark else ""
        problem = getattr(error, "problem", None) or str(error) or "unreadable"
        raise ToolError(
            "invalid_arguments",
            f"The body is neither JSON nor YAML{place}: {problem}.",
            "Write one 'key: value' a line, or a JSON object.",
        ) from None
