"""The names of keys, and what a terminal sends for them (xterm's control sequences)."""

from __future__ import annotations

import string
from collections.abc import Iterable

from jupyter_mcp.errors import ToolError

KEYS_LIMIT = 1000

_NAMED = {
    "enter": "\r",
    "tab": "\t",
    "shift-tab": "\x1b[Z",
    "escape": "\x1b",
    "space": " ",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "insert": "\x1b[2~",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "ctrl-space": "\x00",
    "ctrl-[": "\x1b",
    "ctrl-\\": "\x1c",
    "ctrl-]": "\x1d",
    "ctrl-^": "\x1e",
    "ctrl-_": "\x1f",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "f9": "\x1b[20~",
    "f10": "\x1b[21~",
    "f11": "\x1b[23~",
    "f12": "\x1b[24~",
    **{f"ctrl-{letter}": chr(ord(letter) - 0x60) for letter in string.ascii_lowercase},
}
_ALIASES = {
    "return": "enter",
    "esc": "escape",
    "del": "delete",
    "page-up": "pageup",
    "page-down": "pagedown",
}


def sequences(keys: Iterable[str]) -> str:
    """Return what a terminal sends for keys in turn.

    Args:
        keys: Such as ``enter``, ``ctrl-c``, ``up``, ``f5`` or ``alt-x``; case does not matter.

    Raises:
        ToolError: ``invalid_arguments`` for a name that is not known.
    """
    return "".join(_sequence(key) for key in keys)


def _sequence(key: str) -> str:
    name = key.strip().lower().replace("ctrl+", "ctrl-").replace("alt+", "alt-")
    name = _ALIASES.get(name, name)
    if name in _NAMED:
        return _NAMED[name]
    meta, _, letter = key.strip().partition("-") if "-" in key else key.strip().partition("+")
    if meta.lower() == "alt" and len(letter) == 1 and letter.isprintable():
        return f"\x1b{letter}"
    raise ToolError(
        "invalid_arguments",
        f"There is no key {key[:40]!r}.",
        "Use enter, tab, escape, backspace, up, down, left, right, home, end, pageup, pagedown, "
        "delete, f1 to f12, ctrl-a to ctrl-z or alt-x; send characters as text.",
    )
