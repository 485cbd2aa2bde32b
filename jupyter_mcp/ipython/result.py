"""What a call gave back, as a notebook user holds it.

The same class stands for an answer that came over MCP and for one of the embedded runtime, so it
is made from MCP's own JSON (specification 2026-07-28, server/tools) and knows neither.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.ipython.display import bundle


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of a result.

    Args:
        data: The encoded image.
        mime: Its MIME type.
    """

    data: bytes
    mime: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        plain = f"<{self.mime}, {len(self.data)} bytes>"
        return {"text/plain": plain, self.mime: base64.b64encode(self.data).decode()}


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of one tool call.

    Args:
        tool: The tool's name.
        content: MCP content blocks.
        structured: The JSON object that fits the tool's output schema; None without one.
        is_error: Whether the call did its work and the outcome is a failure (a cell raised).
        seconds: How long the call took.
        meta: What the server tells of the result besides (MCP: ``_meta``).
    """

    tool: str
    content: tuple[Mapping[str, Any], ...] = ()
    structured: Mapping[str, Any] | None = None
    is_error: bool = False
    seconds: float = field(default=0.0, compare=False)
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The text of all blocks."""
        return "\n".join(part for block in self.content if (part := _text_of(block)))

    @property
    def images(self) -> list[Picture]:
        """The images, in order."""
        return [
            Picture(base64.b64decode(block["data"]), block["mimeType"])
            for block in self.content
            if block["type"] == "image"
        ]

    @property
    def links(self) -> list[str]:
        """URIs of the resources that hold the whole of what was shortened here."""
        return [block["uri"] for block in self.content if block["type"] == "resource_link"]

    def __getitem__(self, key: str) -> Any:
        """Return one value of the structured content."""
        return (self.structured or {})[key]

    def __repr__(self) -> str:
        return self.text or f"<{self.tool}: {len(self.content)} blocks>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return bundle(self)


def _text_of(block: Mapping[str, Any]) -> str:
    match block["type"]:
        case "text":
            return str(block["text"])
        case "resource":
            return str(block["resource"].get("text", ""))
        case _:
            return ""
