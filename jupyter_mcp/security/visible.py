"""Text from somebody else, such that nothing in it goes unseen."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of control, format, private and separating characters, half pairs too."""


def visible(text: str, *, lines: bool = False) -> str:
    """Return `text` with characters spelled out that nobody would see.

    Args:
        text: Any text.
        lines: Whether line breaks and tabs may stay.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(
        char
        if char in kept or unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
