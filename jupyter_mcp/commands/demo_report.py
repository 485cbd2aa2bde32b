"""What the demo prints: one line for each step, with its time, and what came of it below."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

WIDTH = 96
LINES = 8
"""Lines of a result that are shown; it is a report, not a log."""


class Report:
    """Prints steps as they end.

    Args:
        colors: Whether the output understands colours.
    """

    def __init__(self, *, colors: bool | None = None) -> None:
        self._colors = sys.stdout.isatty() if colors is None else colors
        self._number = 0

    def heading(self, text: str) -> None:
        """Print a heading."""
        self._print(f"\n{self._paint(text, '1')}")

    def fact(self, name: str, value: str) -> None:
        """Print a named fact."""
        self._print(f"  {name:<10}{value}")

    def done(self, title: str, seconds: float, lines: Sequence[str]) -> None:
        """Print a step that did what it should."""
        self._step("ok", "32", title, seconds, lines)

    def failed(self, title: str, seconds: float, reason: str) -> None:
        """Print a step that did not."""
        self._step("FAIL", "31", title, seconds, [reason])

    def _step(
        self, word: str, color: str, title: str, seconds: float, lines: Sequence[str]
    ) -> None:
        self._number += 1
        head = f"{self._number:>3}. {title}"
        self._print(f"{head:<{WIDTH - 18}}{seconds:>8.2f} s  {self._paint(word, color)}")
        shown = [part for line in lines for part in _wrapped(line)]
        for line in shown[:LINES]:
            self._print(f"       {line}")
        if len(shown) > LINES:
            self._print(f"       … {len(shown) - LINES} more lines")

    def _paint(self, text: str, color: str) -> str:
        return f"\033[{color}m{text}\033[0m" if self._colors else text

    def _print(self, line: str) -> None:
        print(line, flush=True)  # noqa: T201 - the report is what the demo is for


def _wrapped(text: str) -> list[str]:
    return [
        part
        for line in text.splitlines()
        for part in (textwrap.wrap(line, WIDTH - 8, subsequent_indent="  ") or [""])
    ]
