"""The lines of a piece that fit a question best: enough to see whether it is the right one."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.lines import Lines
from jupyter_mcp.toolsets.search.ranking.question import Question, understand

FEWEST = 3
MOST = 8
CHARACTERS = 300
WIDTH = 100
_CUT = "…"
_NAME = 3.0
_DEFINING = ("def ", "class ", "async def ", "func ", "function ", "fn ", "# ")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines of a piece.

    Args:
        text: The lines; long ones are cut, which `…` tells.
        line: The first one's number in the file, or in its cell.
        end_line: The last one's.
    """

    text: str
    line: int
    end_line: int


def snippet(text: str, chunk: Chunk) -> Snippet:
    """Return the lines of a piece that fit a question best.

    Args:
        text: The question.
        chunk: The piece.
    """
    question = understand(text)
    lines = Lines(chunk.text).texts
    start, end = _window(lines, [_fit(question, line) for line in lines])
    shown = [_shown(question, line) for line in lines[start:end]]
    return Snippet("\n".join(shown), chunk.line + start, chunk.line + end - 1)


def _fit(question: Question, line: str) -> float:
    """Return how well a line fits; an empty one less than one with anything in it."""
    stripped = line.strip()
    if not stripped:
        return 0.0
    fit = 0.1 + len(question.shared(stripped))
    fit += _NAME * sum(name.last in stripped for name in question.names)
    fit += _NAME * sum(quote in stripped for quote in question.quotes)
    return fit + 0.5 * stripped.startswith(_DEFINING)


def _window(lines: list[str], fits: list[float]) -> tuple[int, int]:
    """Return the window of lines that fits best within what may be shown."""
    best, best_fit = (0, min(len(lines), FEWEST)), -1.0
    ends = list(accumulate((min(len(line), WIDTH) + 1 for line in lines), initial=0))
    for start in range(max(1, len(lines) - FEWEST + 1)):
        most = bisect_right(ends, ends[start] + CHARACTERS + 1) - 1
        end = min(max(most, start + FEWEST), start + MOST, len(lines))
        fit = sum(fits[start:end])
        if fit > best_fit + 1e-9:
            best, best_fit = (start, end), fit
    return _without_empty(lines, *best)


def _without_empty(lines: list[str], start: int, end: int) -> tuple[int, int]:
    while end - start > 1 and not lines[start].strip():
        start += 1
    while end - start > 1 and not lines[end - 1].strip():
        end -= 1
    return start, end


def _shown(question: Question, line: str) -> str:
    """Return a line, a long one cut around the first word that fits."""
    line = line.rstrip()
    if len(line) <= WIDTH:
        return line
    at = min((place for place in _places(question, line)), default=0)
    start = max(0, min(at - WIDTH // 4, len(line) - WIDTH + 1)) if at > WIDTH * 3 // 4 else 0
    head = _CUT if start else ""
    kept = line[start : start + WIDTH - len(head) - 1]
    return f"{head}{kept}{_CUT if start + len(kept) < len(line) else ''}"


def _places(question: Question, line: str) -> list[int]:
    lower = line.lower()
    wanted = [*question.words, *(name.last.lower() for name in question.names)]
    return [place for word in wanted if (place := lower.find(word)) >= 0]
