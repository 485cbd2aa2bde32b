"""The lines of a text as editors count them.

A line ends with a line feed, a carriage return or both, and with nothing else: `str.splitlines`
also ends one at a form feed or at a separator of Unicode, which no editor does, and then citations
are off.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_FEED = re.compile("\n")
_END = re.compile(r"\r\n?|\n")


class Lines:
    """A text and where its lines are. Lines count from 1.

    Args:
        text: The text.
    """

    __slots__ = ("starts", "text", "texts")

    def __init__(self, text: str) -> None:
        self.text = text
        if "\r" in text:
            self.texts = _END.split(text)
            self.starts = [0, *(found.end() for found in _END.finditer(text))]
        else:
            self.texts = text.split("\n")
            self.starts = [0, *(found.end() for found in _FEED.finditer(text))]

    def __len__(self) -> int:
        return len(self.texts)

    def piece(self, line: int, end_line: int) -> str:
        """Return the text of some lines, without the end of the last."""
        return self.text[self.starts[line - 1] : self.end(end_line)]

    def size(self, line: int, end_line: int) -> int:
        """Return how long `piece` is."""
        return self.end(end_line) - self.starts[line - 1]

    def end(self, line: int) -> int:
        """Return where a line ends, without what ends it."""
        return self.starts[line - 1] + len(self.texts[line - 1])

    def at(self, offset: int) -> int:
        """Return the line in which an offset lies."""
        return bisect_right(self.starts, offset)

    def is_blank(self, line: int) -> bool:
        """Return whether there is nothing in a line."""
        text = self.texts[line - 1]
        return not text or text.isspace()
