"""Pictures of the screen, read from the X server's own pixels, pointer included."""

from __future__ import annotations

import hashlib
import io
import mmap
import struct
from pathlib import Path
from typing import Any

HEADER = struct.Struct(">25I")
QUALITY = 70


class Pixels:
    """The mapped file of an X server (XWD, version 7: X11/XWDFile.h)."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        header = HEADER.unpack(self._map[: HEADER.size])
        self._offset = header[0] + header[19] * 12
        self._stride = header[12]
        self.width = header[4]
        self.height = header[5]

    def read(self) -> bytes:
        """Return all pixels: blue, green, red and nothing, a row after the other."""
        return self._map[self._offset : self._offset + self._stride * self.height]

    def image(self, pixels: bytes) -> Any:
        """Return them as an image."""
        from PIL import Image

        size = (self.width, self.height)
        return Image.frombuffer("RGB", size, pixels, "raw", "BGRX", self._stride, 1)


def encoded(image: Any, kind: str) -> bytes:
    """Return an image as PNG (level 1: half the time of level 6 at twice the size) or JPEG."""
    out = io.BytesIO()
    if kind == "jpeg":
        image.save(out, "JPEG", quality=QUALITY)
    else:
        image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def picture(
    pixels: Pixels,
    kind: str,
    unless: str,
    region: list[int] | None,
    size: list[int],
) -> tuple[dict[str, Any], bytes]:
    """Return a picture and what is to know about it.

    Args:
        pixels: The screen.
        kind: ``png`` or ``jpeg``.
        unless: Hash of the picture that is known; when the screen is still the same, none is made.
        region: Left, top, right and bottom of the part to show; None for all.
        size: Width and height that the picture gets.
    """
    raw = pixels.read()
    told: dict[str, Any] = {"hash": hashlib.sha1(raw, usedforsecurity=False).hexdigest()}
    if told["hash"] == unless:
        return told, b""
    image = pixels.image(raw)
    if region is not None:
        image = image.crop(tuple(region))
    if list(image.size) != size:
        image = image.resize(size, 1)  # 1: Lanczos
    return told, encoded(image, kind)
