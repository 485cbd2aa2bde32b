"""Sentences of notebooks and the code cells below them, to measure with.

The rules were written before anything was measured on what they give:

- Documents are all code cells of all notebooks of the packages. Of cells that are the same, or
  whose sets of words are the same but for a tenth (Jaccard), the first one stays, so that one right
  answer is one. Cells that training pairs have are left out.
- A question is the last sentence of six words or more of the Markdown cell directly above a code
  cell. Headings, lists of links, tables, formulas, code and licences are no sentences, and it has
  to be English. A sentence that stands twice is no question.
- A right answer has three different names or more beside its imports; other cells are only in the
  way.
- At most `OF_NOTEBOOK` questions are of a notebook and `OF_PACKAGE` of a package, chosen by chance.

That makes two sets of different packages: ``cells.json`` to measure with (806 questions, 3,261
cells, 19 packages) and ``choosing.json`` to choose weights with (467, 3,023 and 9).
"""

from __future__ import annotations

import json
import keyword
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from archives import texts
from pair import plain

OF_NOTEBOOK = 8
OF_PACKAGE = 75
ALIKE = 0.9
LEAST_WORDS = 6
LEAST_NAMES = 3
_MOST = 4_000
"""Characters of a cell that are kept."""

_NO_PROSE = re.compile(
    r"```.*?```|<!--.*?-->|\$\$.*?\$\$|\\begin\{.*?\\end\{\w+\*?\}"
    r"|^[ \t]*(?:#|\||---|===|!\[|<img)[^\n]*$|^[^\n]*\n(?:===|---)+[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_NO_PROSE_LINE = re.compile(r"^\s*(?:[-*+]|\d+\.)?\s*(?:\[[^\]]*\]\([^)]*\)|https?://\S+)[\s.,;]*$")
_END = re.compile(r"(?<=[.!?:])\s+|\n\s*\n|\n\s*(?=[-*+>]\s|\d+\.\s)")
_MARK = re.compile(r"[`*#=~\\|]+|(?<!\w)_+|_+(?!\w)|^\s*(?:[-*+>]|\d+\.)\s+")
"""What Markdown marks words with; an underscore within a name is no mark there either."""
_FORMULA = re.compile(r"\$[^$]*\$")
_BOILERPLATE = re.compile(
    r"licen[cs]e|copyright|all rights reserved|permission is hereby|\bauthors?\b|last updated",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"\b(?:the|an?|of|to|in|on|is|are|be|we|you|it|this|that|and|or|for|with|by|as|at|from|can|will)\b",
    re.IGNORECASE,
)
_IMPORT = re.compile(r"^\s*(?:import\s|from\s+\S+\s+import\b|[%!]|#).*$", re.MULTILINE)
_NAME = re.compile(r"[^\W\d]\w+")
_WORD = re.compile(r"\w+")


class Cell(NamedTuple):
    """A code cell.

    Args:
        notebook: Where it is.
        above: The Markdown cell directly above, or nothing.
        code: Its text.
    """

    notebook: str
    above: str
    code: str


def cells_of(archive: Path) -> Iterator[Cell]:
    """Return the code cells of the notebooks in an archive, in their order."""
    for path, text in texts(archive):
        if path.endswith(".ipynb"):
            yield from _cells(path, text)


def _cells(path: str, text: str) -> Iterator[Cell]:
    try:
        cells = json.loads(text)["cells"]
    except (ValueError, KeyError, TypeError):
        return
    above = ""
    for cell in cells:
        source = "".join(cell.get("source", ""))
        if cell.get("cell_type") == "code" and source.strip():
            yield Cell(path, above, source)
        above = source if cell.get("cell_type") == "markdown" else ""


def question_of(markdown: str) -> str:
    """Return the sentence that a Markdown cell ends with, or nothing."""
    prose = _NO_PROSE.sub("\n\n", markdown)
    prose = "\n".join("" if _NO_PROSE_LINE.match(line) else line for line in prose.split("\n"))
    for told in reversed(_END.split(prose)):
        sentence = plain(_MARK.sub(" ", plain(_FORMULA.sub(" ", told))))
        if _is_sentence(sentence):
            return "" if _BOILERPLATE.search(sentence) else sentence
    return ""


def _is_sentence(text: str) -> bool:
    words = re.findall(r"[A-Za-z][A-Za-z']*", text)
    letters = sum(map(len, words))
    return (
        len(words) >= LEAST_WORDS
        and letters >= 0.6 * len(text.replace(" ", ""))
        and bool(_ENGLISH.search(text))
    )


def can_be_asked_for(code: str) -> bool:
    """Whether a cell has enough names to be an answer."""
    names = {name for name in _NAME.findall(_IMPORT.sub("", code)) if not keyword.iskeyword(name)}
    return len(names) >= LEAST_NAMES


class Cells:
    """A set of documents and questions that grows package by package.

    Args:
        trained_on: Cells that are left out.
    """

    def __init__(self, trained_on: Iterable[str]) -> None:
        self._documents: list[dict[str, str]] = []
        self._questions: list[tuple[str, str, str, str]] = []
        self._bags: list[frozenset[str]] = []
        self._by_word: dict[str, list[int]] = {}
        self._known = {same(code) for code in trained_on}

    def add(self, package: str, cells: Iterable[Cell]) -> None:
        """Take the cells of a package."""
        for at, cell in enumerate(cells):
            if not self._is_new(cell.code):
                continue
            name = f"{package}#{at}"
            self._documents.append({"id": name, "text": cell.code[:_MOST]})
            asked = question_of(cell.above)
            if asked and can_be_asked_for(cell.code):
                self._questions.append((package, cell.notebook, asked, name))

    def write(self, file: Path) -> None:
        """Write the set to its file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        asked = [{"query": question, "rel": name} for _, _, question, name in self._chosen()]
        file.write_text(json.dumps({"docs": self._documents, "queries": asked}))
        counts = f"{len(asked)} questions, {len(self._documents)} documents"
        print(f"held out: {file.name}, {counts}", flush=True)

    def _chosen(self) -> list[tuple[str, str, str, str]]:
        times = Counter(question.lower() for _, _, question, _ in self._questions)
        shuffled = [each for each in self._questions if times[each[2].lower()] == 1]
        random.Random(5).shuffle(shuffled)  # noqa: S311 - the same choice every time
        taken: Counter[str] = Counter()
        chosen = set()
        for each in shuffled:
            package, notebook = each[0], f"{each[0]}/{each[1]}"
            if taken[package] < OF_PACKAGE and taken[notebook] < OF_NOTEBOOK:
                taken.update((package, notebook))
                chosen.add(each)
        return [each for each in self._questions if each in chosen]

    def _is_new(self, code: str) -> bool:
        if same(code) in self._known:
            return False
        self._known.add(same(code))
        bag = frozenset(_WORD.findall(code))
        shared: Counter[int] = Counter()
        for word in bag:
            shared.update(self._by_word.get(word, ()))
        if any(
            count >= ALIKE * (len(bag) + len(self._bags[other]) - count)
            for other, count in shared.items()
        ):
            return False
        for word in bag:
            self._by_word.setdefault(word, []).append(len(self._bags))
        self._bags.append(bag)
        return True


def same(code: str) -> str:
    """Return what is the same for cells that differ in spaces only."""
    return " ".join(code.split())
