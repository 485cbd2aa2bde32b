"""The smallest edits that turn one text into another.

A person's cursor, and what they type meanwhile, survive an agent's edit of the same cell only
where the text around them is left alone. So a new source is never written over the old one: it
is compared line by line, then each changed stretch is narrowed to the characters that differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_LINES = 2_000
"""Above this many lines the comparison costs more than a cursor is worth (it is quadratic)."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Delete `deleted` characters at `start`, then insert `inserted` there.

    Args:
        start: Position in the old text, in characters.
        deleted: How many characters go.
        inserted: The text that comes.
    """

    start: int
    deleted: int
    inserted: str


def splices(old: str, new: str) -> list[Splice]:
    """Return splices of `old`, last one first, so that each leaves the positions before it."""
    if old == new:
        return []
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(before) + len(after) > MAX_LINES:
        return [_narrowed(old, new, 0)]
    starts = _starts(before)
    found = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            found.append(_narrowed("".join(before[i1:i2]), "".join(after[j1:j2]), starts[i1]))
    return found[::-1]


def _starts(lines: list[str]) -> list[int]:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return starts


def _narrowed(old: str, new: str, offset: int) -> Splice:
    """Return the one splice between two texts, without their common beginning and end."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    room = shorter - head
    tail = next((i for i in range(room) if old[-1 - i] != new[-1 - i]), room)
    return Splice(offset + head, len(old) - head - tail, new[head : len(new) - tail])
