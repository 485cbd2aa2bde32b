"""How what was found looks: where it stands, as a link that opens it, and the lines that fit.

In JupyterLab a link that is relative to the notebook opens the file beside it, at its line
(``#line=``, counted from 0) or at its cell (``#cell-id=``), and nothing is loaded anew. Where the
notebook's own place is not known, the link leads to the server's JupyterLab in another tab. A
terminal gets text that can be copied.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.plain import harmless, one_line

_CELL = "style='text-align:left;vertical-align:top'"
_PRE = "style='text-align:left;margin:0;white-space:pre-wrap'"
_ELSEWHERE = frozenset({"doc", "docs", "variable"})
"""Kinds of hits that are no files of the server."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where the files of a server are opened.

    Args:
        lab: The URL of its JupyterLab with a slash at the end; empty where there is none.
        folder: The notebook's folder below the server's root; None where it is not known.
    """

    lab: str = ""
    folder: str | None = None

    def to(self, hit: Mapping[str, Any]) -> str:
        """Return the link to a hit; empty where there is nothing to open."""
        path = str(hit["path"])
        if hit.get("kind") in _ELSEWHERE or ":" in path.partition("/")[0]:
            return ""
        if self.folder is not None:
            near = quote(posixpath.relpath(path, self.folder or "."))
            return f"{near if near.startswith('../') else f'./{near}'}{_fragment(hit)}"
        return f"{self.lab}tree/{quote(path)}{_fragment(hit)}" if self.lab else ""


def links_of(server: Server | None, session: str) -> Links:
    """Return where the files of a server are opened.

    Args:
        server: The server; None without one.
        session: The absolute path of the notebook that asks, where known.
    """
    if server is None:
        return Links()
    lab = f"{server.base_url}lab/"
    if server.root and session:
        root, notebook = Path(server.root), Path(session)
        if notebook.is_relative_to(root):
            return Links(lab, notebook.relative_to(root).parent.as_posix().removeprefix("."))
    return Links(lab)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, to look at and to work with.

    Args:
        hits: As the tool ``search`` has them.
        notes: What to say above.
        links: Where they are opened.
    """

    hits: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    links: Links = Links()

    def to_text(self) -> str:
        """Return the hits for a terminal."""
        lines = [one_line(note) for note in self.notes]
        for number, hit in enumerate(self.hits, 1):
            symbol = f"  {one_line(hit['symbol'])}" if hit.get("symbol") else ""
            lines.append(f"{number}. {cited(hit)}{symbol}  ({hit['score']:.2f})")
            snippet = harmless(str(hit["snippet"]))
            lines += [f"   {line}".rstrip() for line in snippet.split("\n")]
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return the hits for a notebook."""
        notes = "".join(f"<div>{escape(one_line(note))}</div>" for note in self.notes)
        if not self.hits:
            return notes
        names = ("place", "symbol", "lines", "score")
        head = "".join(f"<th {_CELL}>{name}</th>" for name in names)
        body = "".join(f"<tr>{self._row(hit)}</tr>" for hit in self.hits)
        return f"{notes}<table><tr>{head}</tr>{body}</table>"

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return {"text/plain": self.to_text(), "text/html": self.to_html()}

    def _row(self, hit: Mapping[str, Any]) -> str:
        place, link = escape(cited(hit)), self.links.to(hit)
        if link:
            target = "" if link.startswith(".") else ' target="_blank" rel="noopener"'
            place = f'<a href="{escape(link)}"{target}>{place}</a>'
        cells = (
            place,
            escape(one_line(hit.get("symbol") or "")),
            f"<pre {_PRE}>{escape(harmless(str(hit['snippet'])))}</pre>",
            f"{hit['score']:.2f}",
        )
        return "".join(f"<td {_CELL}>{cell}</td>" for cell in cells)


def cited(hit: Mapping[str, Any]) -> str:
    """Return how a hit is cited, in one line: ``path:line`` or ``path#cell``."""
    path = one_line(str(hit["path"]))
    if hit.get("cell_id"):
        return f"{path}#{one_line(str(hit['cell_id']))}"
    line, end = hit.get("line") or 0, hit.get("end_line") or 0
    if not line:
        return path
    return f"{path}:{line}" + (f"-{end}" if end > line else "")


def _fragment(hit: Mapping[str, Any]) -> str:
    if hit.get("cell_id"):
        return f"#cell-id={quote(str(hit['cell_id']))}"
    return f"#line={hit['line'] - 1}" if hit.get("line") else ""
