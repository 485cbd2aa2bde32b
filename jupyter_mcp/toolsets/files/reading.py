"""Reads a file by pages, as text or as base64, and tells one from the other."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Literal

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.paths import shown
from jupyter_mcp.workplace import Place

Encoding = Literal["utf-8", "base64"]

PAGE = 50_000
"""Bytes of a page where the caller does not say how many."""

REVISED = 1 << 20
"""Bytes of the largest file whose revision is told with any page of it."""

CHARACTER = 4
"""Bytes of the longest character in UTF-8."""


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a file.

    Args:
        data: Its bytes.
        offset: Where it begins.
        size: Bytes of the whole file.
        revision: SHA-256 of the whole; empty where it was not read.
    """

    data: bytes
    offset: int
    size: int
    revision: str = ""

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins; None at the end."""
        end = self.offset + len(self.data)
        return end if end < self.size and self.data else None


async def page(place: Place, path: str, offset: int, limit: int | None, largest: int) -> Page:
    """Return a piece of a file.

    Args:
        place: Where.
        path: The file.
        offset: Its first byte.
        limit: Bytes; None for a page.
        largest: The most bytes of a piece.

    Raises:
        ToolError: ``too_large`` for more than that, else as `Place.read`.
    """
    wanted = PAGE if limit is None else limit
    if wanted > largest:
        raise ToolError(
            "too_large",
            f"At most {largest} bytes are read at once.",
            "Use a smaller limit and next_offset, or file_download for the whole file.",
        )
    data, size = await place.read(path, offset, wanted)
    if offset == 0 and len(data) == size:
        return Page(data, 0, size, hashlib.sha256(data).hexdigest())
    if size > REVISED:
        return Page(data, offset, size)
    whole, size = await place.read(path)
    return Page(whole[offset : offset + wanted], offset, size, hashlib.sha256(whole).hexdigest())


def text_of(path: str, found: Page) -> tuple[str, Page]:
    """Return the text of a piece, cut to whole characters, and the piece that it stands for.

    Raises:
        ToolError: ``invalid_arguments`` for what is no text.
    """
    data, offset = found.data, found.offset
    if offset:
        start = 0
        while start < min(CHARACTER - 1, len(data)) and data[start] & 0xC0 == 0x80:  # noqa: PLR2004 - UTF-8
            start += 1
        data, offset = data[start:], offset + start
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        is_cut = found.offset + len(found.data) < found.size
        if not is_cut or error.start < len(data) - CHARACTER or error.start == 0:
            raise _binary(path) from None
        data = data[: error.start]
        text = data.decode()
    if "\0" in text:
        raise _binary(path)
    return text, Page(data, offset, found.size, found.revision)


def bytes_of(content: str, encoding: Encoding) -> bytes:
    """Return the bytes that a content stands for.

    Raises:
        ToolError: ``invalid_arguments`` for what is no base64.
    """
    if encoding == "utf-8":
        try:
            return content.encode()
        except UnicodeEncodeError:
            raise ToolError(
                "invalid_arguments", "The content holds half a character.", "Send whole ones."
            ) from None
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        raise ToolError(
            "invalid_arguments",
            "The content is no base64.",
            "Encode it, or leave encoding out to write text.",
        ) from None


def _binary(path: str) -> ToolError:
    return ToolError(
        "invalid_arguments",
        f"'{shown(path)}' is no text in UTF-8.",
        'Read it with encoding="base64".',
    )
