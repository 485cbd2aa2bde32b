"""Hits as callers get them: short, with what to cite, and within four kilobytes.

A client shows a model the text or the data of an answer, so each of them is as small. The data
leaves out what its path or its place tells, and how to read on, which the links tell. Where paths
are long, the last hits have no link, or not what their score is made of: a citation is never cut.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from textwrap import dedent
from typing import TypeVar
from urllib.parse import quote

from pydantic import Field

from jupyter_mcp.calls import Link, Reply, Text
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.plain import harmless, one_line
from jupyter_mcp.toolsets.search.chunking.languages import language_of
from jupyter_mcp.toolsets.search.query import Hit

T = TypeVar("T")

TEMPLATE = "search://{place}/{+path}"
"""The resource of a hit: its lines, as in ``10-24``, or its cell's id, and the file."""

ANSWER = 4_000
"""Bytes of an answer of ten hits, as text with its links and as data; more may take more."""

LINK = 60
"""Characters that a link takes besides its URI and its name."""

PAGE = 10
FEWEST = 60
"""Characters of a snippet however many hits there are."""

MOST_NOTES = 600


class FoundHit(Shape):
    """A hit; cite it as path:line or path#cell_id. Without a kind it is in a file."""

    path: str
    line: int
    end_line: int
    cell_id: str | None = None
    symbol: str | None = None
    score: float
    parts: dict[str, float] = Field(default_factory=dict)
    snippet: str
    kind: str | None = None
    language: str | None = None


class Hits(Shape):
    """What was found, the best first."""

    hits: list[FoundHit]
    next_cursor: str | None = None
    notes: list[str] | None = None


def hit_of(hit: Hit) -> FoundHit:
    """Return a hit as callers get it."""
    is_told = hit.language == language_of(hit.path).name
    return FoundHit(
        path=hit.path,
        line=hit.line,
        end_line=hit.end_line,
        cell_id=hit.cell_id or None,
        symbol=hit.symbol or None,
        score=round(hit.score, 3),
        parts={name: round(value, 2) for name, value in hit.parts.items()},
        snippet=harmless(dedent(hit.snippet)).strip("\n"),
        kind="docs" if hit.kind == "docs" else None,
        language=None if is_told else hit.language or None,
    )


def uri_of(hit: FoundHit) -> str:
    """Return the URI of the piece that was found, in a file."""
    place = hit.cell_id or f"{hit.line}-{hit.end_line}"
    return f"search://{quote(place, safe='')}/{quote(hit.path, safe='/:')}"


def cited(hit: FoundHit) -> str:
    """Return how a hit is cited, in one line."""
    path = one_line(hit.path)
    if hit.cell_id:
        return f"{path}#{one_line(hit.cell_id)}"
    if not hit.line:
        return path
    return f"{path}:{hit.line}" + (f"-{hit.end_line}" if hit.end_line > hit.line else "")


def page_of(hits: Sequence[FoundHit], start: int, limit: int, notes: Sequence[str]) -> Reply[Hits]:
    """Return a page of hits.

    Args:
        hits: All that were found, with one more than the page needs where there are more.
        start: Which is the page's first.
        limit: How many it has.
        notes: What to say besides.
    """
    shown = list(hits[start : start + limit])
    more = str(start + limit) if len(hits) > start + limit else None
    told = [one_line(note[:MOST_NOTES]) for note in notes]
    links = [Link(uri_of(each), cited(each)) for each in shown if each.kind is None]
    heads = [_head(start + number, each) for number, each in enumerate(shown, 1)]
    whole = ANSWER * max(1.0, len(shown) / PAGE) - sum(len(each.encode()) for each in told) - 60
    least = sum(min(_cost(each.snippet), FEWEST) for each in shown)
    as_text = sum(len(head.encode()) + 2 for head in heads)
    links = _first([*map(_size, links)], links, whole - least - as_text)
    shown = _explained(shown, whole - least)
    taken = max(as_text + sum(map(_size, links)), sum(map(_frame, shown)))
    snippets = _fitted([each.snippet for each in shown], int(whole - taken))
    shown = [
        each.model_copy(update={"snippet": snippet})
        for each, snippet in zip(shown, snippets, strict=True)
    ]
    lines = [f"{head}\n{_indented(each.snippet)}" for head, each in zip(heads, shown, strict=True)]
    lines += [f"[next_cursor={more}]"] if more else []
    lines += [f"[{note}]" for note in told]
    value = Hits(hits=shown, next_cursor=more, notes=told or None)
    return Reply(value, [Text("\n".join(lines or ["[nothing]"])), *links])


def _head(number: int, hit: FoundHit) -> str:
    symbol = f" {one_line(hit.symbol[:80])}" if hit.symbol else ""
    return f"{number}. {cited(hit)}{symbol} ({hit.score:.2f})"


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.split("\n"))


def _size(link: Link) -> int:
    return len(link.uri.encode()) + len(link.name.encode()) + LINK


def _frame(hit: FoundHit) -> int:
    """Return the bytes of a hit as data, but for its snippet."""
    bare = hit.model_copy(update={"snippet": ""})
    return len(bare.model_dump_json(exclude_none=True).encode("utf-8", "replace")) + 2


def _explained(hits: Sequence[FoundHit], room: float) -> list[FoundHit]:
    """Return hits with what their scores are made of, but for the last, where that does not fit."""
    bare = [each.model_copy(update={"parts": {}}) for each in hits]
    frames = [*map(_frame, bare)]
    sizes = [_frame(each) - frame for each, frame in zip(hits, frames, strict=True)]
    first = _first(sizes, hits, room - sum(frames))
    return [*first, *bare[len(first) :]]


def _first(sizes: Sequence[int], items: Sequence[T], room: float) -> list[T]:
    """Return those items, from the first on, that fit together."""
    return list(items[: bisect_right([*accumulate(sizes)], room)])


def _fitted(snippets: Sequence[str], room: int) -> list[str]:
    """Cut snippets so that all of them fit, the longest ones first."""
    limit = max(room, 0)
    taken = [_cost(each) for each in snippets]
    share = max(taken, default=0)
    while share > FEWEST and sum(min(each, share) for each in taken) > limit:
        share -= 10
    return [_cut(text, share) for text in snippets]


def _cost(text: str) -> int:
    """Return the bytes of a snippet with its lines indented, and what is escaped in it."""
    escaped = text.count('"') + text.count("\\") + text.count("\t")
    return len(text.encode("utf-8", "replace")) + 4 * (text.count("\n") + 1) + escaped


def _cut(text: str, room: int) -> str:
    if _cost(text) <= room:
        return text
    lines = text.split("\n")
    while len(lines) > 1 and _cost("\n".join(lines)) > room:
        lines.pop()
    kept = "\n".join(lines)
    while _cost(kept) > room and len(kept) > 1:
        kept = kept[: -max(1, (_cost(kept) - room) // 4)]
    return kept if len(lines) > 1 or kept == lines[0] else f"{kept[:-1]}…"
