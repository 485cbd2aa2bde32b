"""How results look in a notebook: tables, images, Markdown, and errors as one line.

Everything that comes from a server is untrusted text: it is escaped, and images are shown as data
URIs of known image types only. Colours are JupyterLab's own variables, so dark themes work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

MAX_ROWS = 200
"""Rows of a table that are shown; the structured value has all."""

_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"})
_MARKDOWN = re.compile(r"^(#{1,6} |```|\| ?:?-{3,}|[*-] |\d+\. )", re.MULTILINE)
_PRE = 'style="white-space:pre-wrap;margin:0"'
_ERROR = 'style="color:var(--jp-error-color1,#b00020);white-space:pre-wrap;margin:0"'


class Shown(Protocol):
    """A result, as far as it is shown."""

    @property
    def text(self) -> str:
        """The text of all blocks."""
        ...

    @property
    def images(self) -> Sequence[Any]:
        """The images."""
        ...

    @property
    def content(self) -> Sequence[Mapping[str, Any]]:
        """MCP content blocks."""
        ...

    @property
    def structured(self) -> Mapping[str, Any] | None:
        """The structured content."""
        ...

    @property
    def is_error(self) -> bool:
        """Whether the outcome is a failure."""
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to look at.

    Args:
        rows: The cells, row by row.
        head: The names of the columns; empty for none.
        caption: One line above.
    """

    rows: Sequence[Sequence[Any]]
    head: Sequence[str] = ()
    caption: str = ""

    def to_text(self) -> str:
        """Return the table for a terminal."""
        lines = [[_plain(cell) for cell in row] for row in ([self.head] if self.head else [])]
        lines += [[_plain(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)] if lines else []
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, *text] if self.caption else text)

    def to_html(self) -> str:
        """Return the table for a notebook."""
        head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in self.head)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{_html(c)}</td>" for c in row) + "</tr>"
            for row in self.rows[:MAX_ROWS]
        )
        more = len(self.rows) - MAX_ROWS
        note = f"<div>… and {more} more rows</div>" if more > 0 else ""
        caption = f"<div>{escape(self.caption)}</div>" if self.caption else ""
        return f"{caption}<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>{note}"

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return {"text/plain": self.to_text(), "text/html": self.to_html()}


@dataclass(frozen=True, slots=True)
class Markdown:
    """Text in Markdown."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return {"text/plain": self.text, "text/markdown": self.text}


def bundle(result: Shown) -> dict[str, Any]:
    """Return the MIME bundle of a result."""
    text = result.text
    if not result.is_error and not result.images and not _is_dump(text, result.structured):
        if len(result.content) == 1 and _MARKDOWN.search(text):
            return {"text/plain": text, "text/markdown": text}
        if len(result.content) == 1:
            return {"text/plain": text}
    plain = text or repr(result)
    return {"text/plain": plain, "text/html": "\n".join(_parts(result, text))}


def tables(structured: Mapping[str, Any]) -> list[Table]:
    """Return an object as tables: one of its plain values, one for each list of objects in it."""
    lists = {key: value for key, value in structured.items() if _is_records(value)}
    plain = [(key, value) for key, value in structured.items() if key not in lists]
    shown = [Table(plain)] if plain else []
    return shown + [_records(key, value) for key, value in lists.items()]


def _parts(result: Shown, text: str) -> Iterable[str]:
    if not result.is_error and _is_dump(text, result.structured):
        yield from (table.to_html() for table in tables(result.structured or {}))
        text = ""
    for block in result.content:
        match block["type"]:
            case "text" if text:
                yield f"<pre {_ERROR if result.is_error else _PRE}>{escape(block['text'])}</pre>"
            case "image" if block["mimeType"] in _IMAGES:
                source = f"data:{block['mimeType']};base64,{escape(block['data'])}"
                yield f'<img src="{source}" style="max-width:100%">'
            case "resource_link":
                name, uri = escape(block.get("name", "")), escape(block["uri"])
                yield f"<div>{name}: <code>{uri}</code></div>"
            case "resource":
                yield f"<pre {_PRE}>{escape(block['resource'].get('text', ''))}</pre>"
            case "audio":
                yield f"<div>{escape(block['mimeType'])}</div>"


def _is_dump(text: str, structured: Mapping[str, Any] | None) -> bool:
    """Tell whether the text is nothing but the structured value in JSON."""
    if structured is None or not text.startswith("{"):
        return False
    try:
        return bool(json.loads(text) == structured)
    except ValueError:
        return False


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _records(name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return Table([[row.get(key) for key in columns] for row in rows], columns, caption=name)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value, ensure_ascii=False, default=str)


def _html(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return f"<pre {_PRE}>{escape(value)}</pre>"
    return escape(_plain(value))
