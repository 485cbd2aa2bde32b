"""Pictures made small enough for a model.

A model pays for pixels it cannot use, so a picture is scaled down and the whole stays behind a
link. Pillow is imported at the first picture. Everything here blocks: call it on the executor.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 1_000_000
"""A picture that is larger after scaling is turned into a JPEG."""
MOST_PIXELS = 80_000_000
"""A larger picture is not opened at all: unpacked, it would take too much memory."""
JPEG_QUALITY = 85
KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for a model.

    Args:
        data: The encoded picture.
        mime: Its MIME type.
        whole: Whether it is the original, so that no link to more is needed.
    """

    data: bytes
    mime: str
    whole: bool


def scaled(data: bytes, mime: str, longest: int) -> Picture | None:
    """Return a picture whose longest side is at most `longest` pixels, or None if it is broken.

    Args:
        data: The encoded picture.
        mime: What it says it is.
        longest: Pixels of the longest side.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            if max(image.size) <= longest and len(data) <= MOST_BYTES and mime in KINDS:
                image.verify()
                return Picture(data, mime, whole=True)
            return _shrunk(image, longest)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        return None


def _shrunk(image: Any, longest: int) -> Picture:
    photo = image.format == "JPEG"
    if image.mode not in {"RGB", "RGBA", "L", "LA"}:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    image.thumbnail((longest, longest))
    if not photo:
        data = _encoded(image, "PNG")
        if len(data) <= MOST_BYTES:
            return Picture(data, "image/png", whole=False)
    flat = _on_white(image)
    return Picture(_encoded(flat, "JPEG", quality=JPEG_QUALITY), "image/jpeg", whole=False)


def _on_white(image: Any) -> Any:
    """Return the picture without transparency, which JPEG does not know."""
    from PIL import Image

    if image.mode not in {"RGBA", "LA"}:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def _encoded(image: Any, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
