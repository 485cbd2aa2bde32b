"""Combinations of keys, written as xdotool takes them: ``ctrl+s``, ``Return``, ``shift+Tab``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.inside.keyboard import keysym_of
from jupyter_mcp.toolsets.sandboxes.desktop.keysyms import ALIASES, KEYSYMS

MOST_KEYS = 50
MOST_TOGETHER = 8
LAST = 0x10FFFF
_BY_LOWER = {name.lower(): code for name, code in reversed(KEYSYMS.items())}


def keysym(name: str) -> int:
    """Return the keysym of a key: by its name, its character, or ``U20AC``.

    Raises:
        ToolError: ``invalid_arguments`` with the nearest names.
    """
    if name in KEYSYMS:
        return KEYSYMS[name]
    if len(name) == 1 and (name.isprintable() or name in "\n\t"):
        return keysym_of(name)
    alias = ALIASES.get(name.lower())
    if alias is not None:
        return KEYSYMS[alias]
    if name.lower() in _BY_LOWER:
        return _BY_LOWER[name.lower()]
    match = re.fullmatch(r"[Uu]\+?([0-9A-Fa-f]{4,6})", name)
    if match and int(match[1], 16) <= LAST and chr(int(match[1], 16)).isprintable():
        return keysym_of(chr(int(match[1], 16)))
    raise _unknown(name)


def combination(text: str) -> list[int]:
    """Return the keysyms of one combination, in the order in which they are pressed.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    if text == "+":
        return [KEYSYMS["plus"]]
    names = text.removesuffix("++").split("+") + (["plus"] if text.endswith("++") else [])
    if len(names) > MOST_TOGETHER:
        raise ToolError(
            "invalid_arguments",
            f"{len(names)} keys at once are too many.",
            f"Press at most {MOST_TOGETHER} together.",
        )
    return [keysym(name) for name in names]


def combinations(text: str) -> list[list[int]]:
    """Return the combinations of a text, which are pressed one after the other.

    Args:
        text: Combinations with spaces between them.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    words = text.split() or (["space"] if text == " " else [])
    if not words or len(words) > MOST_KEYS:
        raise ToolError(
            "invalid_arguments",
            "No key is named." if not words else f"{len(words)} keys are too many for one call.",
            f'Give text with 1 to {MOST_KEYS} keys, such as "ctrl+s" or "Tab Tab Return".',
        )
    return [combination(word) for word in words]


def together(names: Sequence[str]) -> list[int]:
    """Return the keysyms of OpenAI's ``keypress``: a list of keys that are pressed together.

    Letters mean the keys: ``["CTRL", "A"]`` is ``ctrl+a``.
    """
    if not 1 <= len(names) <= MOST_TOGETHER:
        raise ToolError(
            "invalid_arguments",
            f"keys has {len(names)} keys.",
            f"Give 1 to {MOST_TOGETHER}; they are pressed together.",
        )
    plain = [name.lower() if len(name) == 1 and name.isascii() else name for name in names]
    return [keysym(name) for name in plain]


def _unknown(name: str) -> ToolError:
    shown = name[:40]
    lower = {known.lower(): known for known in (*ALIASES, *KEYSYMS)}
    near = [lower[word] for word in difflib.get_close_matches(shown.lower(), lower, 4, 0.5)]
    nearest = f"Did you mean {', '.join(near)}? " if near else ""
    return ToolError(
        "invalid_arguments",
        f"There is no key {shown!r}.",
        f'{nearest}Names are xdotool\'s, such as "Return", "Page_Down", "F5", "ctrl+shift+t"; '
        'a character stands for itself; use action="type" for text.',
        data={"nearest": near},
    )
