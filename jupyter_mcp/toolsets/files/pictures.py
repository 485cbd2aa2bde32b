"""Pictures made small enough for a model. Everything here blocks: call it in a thread."""

from __future__ import annotations

import io

MOST_BYTES = 1_000_000
MOST_PIXELS = 80_000_000
"""A larger picture is not opened at all: unpacked, it would take too much memory."""

BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def kind_of(data: bytes) -> str:
    """Return the MIME type of a picture by its first bytes; empty for all else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for start, mime in BEGINNINGS.items() if data.startswith(start)), "")


def scaled(data: bytes, longest: int) -> tuple[bytes, str] | None:
    """Return a picture whose longest side is at most `longest` pixels; None if it is broken.

    Args:
        data: The encoded picture.
        longest: Pixels of the longest side.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            mime = kind_of(data)
            if max(image.size) <= longest and len(data) <= MOST_BYTES and mime:
                image.verify()
                return data, mime
            small = image.convert("RGBA" if "A" in image.getbands() else "RGB")
        small.thumbnail((longest, longest))
        out = io.BytesIO()
        small.save(out, "PNG")
        if out.tell() <= MOST_BYTES:
            return out.getvalue(), "image/png"
        out = io.BytesIO()
        small.convert("RGB").save(out, "JPEG", quality=85)
        return out.getvalue(), "image/jpeg"
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None
