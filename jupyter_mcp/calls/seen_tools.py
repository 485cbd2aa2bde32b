"""What a toolset may know of the tools around it: those that a caller sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mcp.calls.operation import Tool


class SeenTools:
    """What the tools that a caller sees take and give, by their names.

    Args:
        tools: The tools.
    """

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools

    def names(self) -> Sequence[str]:
        """Return the names of all of them."""
        return list(self._tools)

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        """Return the JSON Schema of a tool's arguments; None if there is no such tool."""
        tool = self._tools.get(name)
        return None if tool is None else tool.input_schema

    def output_schema(self, name: str) -> Mapping[str, Any] | None:
        """Return the JSON Schema of a tool's structured result; None if it has none."""
        tool = self._tools.get(name)
        return None if tool is None else tool.output_schema

    def is_untrusted(self, name: str) -> bool:
        """Return whether a tool's results may carry what strangers wrote; one unseen may."""
        tool = self._tools.get(name)
        return tool is None or tool.untrusted
