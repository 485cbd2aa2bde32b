"""Keys by XTEST, and text that arrives as it was written.

What the layout has is typed with its keys. Anything else is bound to keys that mean nothing yet,
for many characters at once, and typed when programs had time to read the new layout: binding and
typing one character at a time, as xdotool does, lost characters in 4 of 4 tries.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jupyter_mcp.toolsets.sandboxes.desktop.inside.reader import Reader

SETTLE_SECONDS = 0.12
"""Programs have read a changed layout so long after they came to it (0.1 s: 6 of 6 texts exact;
0.02 s: 5 of 6)."""
PATIENCE = 10.0
"""Seconds for which a text waits in all for a program that does not read."""
SHIFT = 0xFFE1
NAMED = {"\n": 0xFF0D, "\t": 0xFF09, "\b": 0xFF08, "\x1b": 0xFF1B}
UNICODE = 0x01000000
LATIN_1 = frozenset((*range(0x20, 0x7F), *range(0xA0, 0x100)))
KEY_PRESS, KEY_RELEASE = 2, 3
"""X11 protocol: codes of events."""


def keysym_of(character: str) -> int:
    """Return the keysym of a character (X11: keysyms of Latin 1 are its code points)."""
    if character in NAMED:
        return NAMED[character]
    code = ord(character)
    return code if code in LATIN_1 else UNICODE | code


class Spares:
    """Which meaning each spare key has now; the one that was not used for longest gives way."""

    def __init__(self, keycodes: Iterable[int]) -> None:
        self._free = list(keycodes)
        self._bound: OrderedDict[int, int] = OrderedDict()
        self.count = len(self._free)

    def keycode(self, keysym: int) -> int | None:
        """Return the key that a keysym is bound to."""
        keycode = self._bound.get(keysym)
        if keycode is not None:
            self._bound.move_to_end(keysym)
        return keycode

    def bind(self, keysyms: Sequence[int]) -> tuple[dict[int, int], bool]:
        """Find keys for all of `keysyms`, at most `count`.

        Returns:
            What has to be bound now, keycode to keysym, and whether a key lost a meaning by it.
        """
        for keysym in keysyms:
            self.keycode(keysym)
        fresh: dict[int, int] = {}
        takes = False
        for keysym in keysyms:
            if keysym in self._bound:
                continue
            if self._free:
                keycode = self._free.pop()
            else:
                keycode = self._bound.popitem(last=False)[1]
                takes = True
            self._bound[keysym] = keycode
            fresh[keycode] = keysym
        return fresh, takes


def batches(keysyms: Sequence[int], known: Iterable[int], most: int) -> list[list[int]]:
    """Cut a sequence of keysyms so that no part needs more than `most` spare keys."""
    ordinary = set(known)
    parts: list[list[int]] = [[]]
    strange: set[int] = set()
    for keysym in keysyms:
        if keysym not in ordinary and keysym not in strange:
            if len(strange) == most:
                parts.append([])
                strange = set()
            strange.add(keysym)
        parts[-1].append(keysym)
    return parts


def rows(fresh: Mapping[int, int]) -> list[tuple[int, list[int]]]:
    """Return runs of neighbouring keys with their keysyms, since all are told of each change."""
    runs: list[tuple[int, list[int]]] = []
    for keycode in sorted(fresh):
        if not runs or runs[-1][0] + len(runs[-1][1]) != keycode:
            runs.append((keycode, []))
        runs[-1][1].append(fresh[keycode])
    return runs


class Keyboard:
    """The keyboard of a display.

    Args:
        display: python-xlib's connection.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        first = display.display.info.min_keycode
        found = display.get_keyboard_mapping(first, display.display.info.max_keycode - first + 1)
        self._keys: dict[int, tuple[int, bool]] = {}
        for column in (1, 0):  # what needs no Shift counts more
            for keycode, row in enumerate(found, first):
                if row[column]:
                    self._keys[row[column]] = (keycode, column == 1 and row[0] != row[1])
        self._width = len(found[0])
        self._spares = Spares(code for code, row in enumerate(found, first) if not any(row))
        self._reader = Reader(display)

    def press(self, keysym: int, is_down: bool) -> None:
        """Press or release one key, with Shift where the layout has it there."""
        keycode, shifted = self._key(keysym)
        if shifted and is_down:
            self._fake(self._keys[SHIFT][0], True)
        self._fake(keycode, is_down)
        if shifted and not is_down:
            self._fake(self._keys[SHIFT][0], False)

    def prepare(self, keysyms: Sequence[int], end: float = 0.0) -> None:
        """Bind what the layout does not have; programs are waited for until `end`, if given."""
        end = end or time.monotonic() + PATIENCE
        strange = list(dict.fromkeys(keysym for keysym in keysyms if keysym not in self._keys))
        fresh, takes = self._spares.bind(strange)
        if takes:  # programs look up what was typed before by the layout that they find then
            self._settle(end)
        for first, meanings in rows(fresh):
            # In all columns: one alone would be a lower case letter with its upper case.
            self._display.change_keyboard_mapping(first, [[one] * self._width for one in meanings])
        if fresh:
            self._settle(end)

    def type(self, text: str) -> None:
        """Type a text."""
        keysyms = [keysym_of(character) for character in text]
        end = time.monotonic() + PATIENCE
        for part in batches(keysyms, self._keys, self._spares.count):
            self.prepare(part, end)
            for keysym in part:
                self.press(keysym, True)
                self.press(keysym, False)
            self._display.sync()

    def _key(self, keysym: int) -> tuple[int, bool]:
        if keysym in self._keys:
            return self._keys[keysym]
        keycode = self._spares.keycode(keysym)
        if keycode is None:
            self.prepare([keysym])
            keycode = self._spares.keycode(keysym)
        assert keycode is not None  # noqa: S101 - `prepare` has bound it
        return keycode, False

    def _settle(self, end: float) -> None:
        """Wait until programs have read what has happened so far."""
        self._display.sync()
        self._reader.wait(end)
        time.sleep(SETTLE_SECONDS)

    def _fake(self, keycode: int, is_down: bool) -> None:
        self._display.xtest_fake_input(KEY_PRESS if is_down else KEY_RELEASE, keycode)
