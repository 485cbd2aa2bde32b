"""The outputs of a cell as blocks for a model: short text, small images, links to the whole."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.calls import Host, Image, Link, Text
from jupyter_mcp.printed.text import shortened, without_ansi
from jupyter_mcp.toolsets.notebooks.cells import joined
from jupyter_mcp.toolsets.notebooks.images import scaled
from jupyter_mcp.toolsets.notebooks.model import Cell, Output
from jupyter_mcp.toolsets.notebooks.reading import output_line
from jupyter_mcp.toolsets.notebooks.uris import cell_uri, output_uri

MOST_IMAGES = 8
MOST_OUTPUTS = 50
"""Outputs of one cell that are shown; the cell's resource has all."""
CALL_OUTPUTS = 4
"""All text of a call together is at most this many times that of one output."""

_REPR = re.compile(r"<IPython\.core\.display\.\w+ object>")

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
TEXTS = ("text/markdown", "text/latex", "text/plain", "text/html", "application/json")
"""What of a display is shown to a model, the best first; HTML only where there is no text."""


@dataclass(slots=True)
class Shown:
    """The outputs of a cell, made small.

    Args:
        lines: Each output in a line.
        blocks: What to show of them.
    """

    lines: list[str] = field(default_factory=list)
    blocks: list[Text | Image | Link] = field(default_factory=list)


async def cell_blocks(host: Host, path: str, cell: Cell) -> Shown:
    """Return what a model gets to see of a cell's outputs."""
    shown = Shown()
    images, room = 0, CALL_OUTPUTS * int(host.settings.output_bytes)
    for index, output in enumerate(cell.outputs[:MOST_OUTPUTS]):
        shown.lines.append(output_line(output))
        uri = output_uri(path, cell.id, index)
        picture = picture_of(output)
        if picture is not None:
            images += 1
            shown.blocks += await _picture(host, picture, uri, small=images <= MOST_IMAGES)
        else:
            most = max(200, min(int(host.settings.output_bytes), room))
            blocks = _text(most, text_of(output), uri)
            room -= sum(len(block.text) for block in blocks if isinstance(block, Text))
            shown.blocks += blocks
    more = len(cell.outputs) - MOST_OUTPUTS
    if more > 0:
        shown.lines.append(f"{more} more outputs")
        shown.blocks.append(Link(cell_uri(path, cell.id), f"{more} more outputs"))
    return shown


def picture_of(output: Output) -> tuple[bytes, str] | None:
    """Return an output's picture and its MIME type, if it has one."""
    data: Mapping[str, Any] = output.get("data") or {}
    for mime in PICTURES:
        if mime in data:
            try:
                return base64.b64decode(joined(data[mime])), mime
            except (binascii.Error, ValueError):
                return None
    return None


def text_of(output: Output) -> tuple[str, str]:
    """Return the text that tells an output best, without escape sequences, and its MIME type."""
    kind = output.get("output_type")
    if kind == "stream":
        return without_ansi(joined(output.get("text", ""))), "text/plain"
    if kind == "error":
        lines = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
        return without_ansi("\n".join(str(line) for line in lines)), "text/plain"
    data: Mapping[str, Any] = output.get("data") or {}
    mime = _best(data)
    value = data.get(mime, "")
    return without_ansi(value if isinstance(value, str) else json.dumps(value)), mime


def _best(data: Mapping[str, Any]) -> str:
    """Return the MIME type that tells most; IPython's own repr of a display tells nothing."""
    told = [mime for mime in data if mime != "text/plain" or not _REPR.fullmatch(str(data[mime]))]
    return next((mime for mime in TEXTS if mime in told), next(iter(told or data), "text/plain"))


def readable(mime: str) -> bool:
    """Return whether data of this type is text; all other comes as base64 from a kernel."""
    return mime.startswith("text/") or mime.endswith(("/json", "+json", "/javascript"))


def whole_of(output: Output) -> tuple[str | bytes, str]:
    """Return an output in its richest form and the MIME type of that."""
    picture = picture_of(output)
    if picture is not None:
        return picture
    text, mime = text_of(output)
    return (text if readable(mime) else decoded(text)), mime


def decoded(text: str) -> bytes:
    """Return what base64 stands for, or the text's own bytes where it is none (SVG)."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


def _text(most: int, told: tuple[str, str], uri: str) -> list[Text | Image | Link]:
    text, mime = told
    if not readable(mime):
        size = len(decoded(text))
        return [Link(uri, f"{mime}, {size} bytes", mime=mime, size=size)]
    size = len(text.encode("utf-8", "replace"))
    if size <= most:
        return [Text(text)] if text else []
    link = Link(uri, f"whole output, {size} bytes", mime=mime, size=size)
    return [Text(shortened(text, most)), link]


async def _picture(
    host: Host, picture: tuple[bytes, str], uri: str, *, small: bool
) -> list[Text | Image | Link]:
    """Return a picture that a model can see and a link to the whole; the link alone if not."""
    data, mime = picture
    link = Link(uri, f"whole image, {len(data)} bytes", mime=mime, size=len(data))
    if not small:
        return [link]
    made = await host.executor.run(scaled, data, mime, int(host.settings.image_pixels))
    if made is None:
        return [Text(f"[an {mime} that cannot be shown]"), link]
    return [Image(made.data, made.mime)] if made.whole else [Image(made.data, made.mime), link]
