"""Text that is typed: what can be, and in pieces, so that nobody waits long behind it."""

from __future__ import annotations

from jupyter_mcp.errors import ToolError

LONGEST = 20_000
PIECE = 200
CONTROLS = "\n\t"


def pieces(text: str) -> list[str]:
    """Return `text` in pieces that are typed one after the other.

    Raises:
        ToolError: ``invalid_arguments`` for what no key writes, ``too_large``.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise ToolError("invalid_arguments", "There is no text to type.", "Give text.")
    if len(text) > LONGEST:
        raise ToolError(
            "too_large",
            f"The text has {len(text)} characters; at most {LONGEST} are typed in one call.",
            "Write it to a file with file_write and open that, or type it in parts.",
        )
    wrong = next((char for char in text if not _is_typable(char)), None)
    if wrong is not None:
        raise ToolError(
            "invalid_arguments",
            f"The character U+{ord(wrong):04X} cannot be typed.",
            'Leave it out; use action="key" for keys such as "Escape".',
        )
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def _is_typable(character: str) -> bool:
    code = ord(character)
    is_control = code < 0x20 or 0x7F <= code <= 0x9F  # noqa: PLR2004 - C0 and C1
    is_surrogate = 0xD800 <= code <= 0xDFFF  # noqa: PLR2004
    return character in CONTROLS or not (is_control or is_surrogate)
