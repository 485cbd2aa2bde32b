"""How the words after ``%mcp workflow`` and the like are written, told to who writes them wrong."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from IPython.core.error import UsageError

from jupyter_mcp.ipython.display import Table

HELP = frozenset({"help", "--help", "-h", "?"})
"""Words by which somebody asks what there is."""


class Usage:
    """The words of one magic.

    Args:
        magic: What stands before them, such as ``%mcp workflow``.
        forms: What follows each word, and what it does.
    """

    def __init__(self, magic: str, forms: Mapping[str, tuple[str, str]]) -> None:
        self._magic = magic
        self._forms = forms

    def table(self) -> Table:
        """Return all words with what they do."""
        rows = [[self._written(word), does] for word, (_, does) in self._forms.items()]
        return Table(rows, ["write", "what it does"])

    def refused(self, word: str) -> UsageError:
        """Return what is told when somebody wrote `word` and others that do not fit to it."""
        if word in self._forms:
            return UsageError(f"Write {self._written(word)}.")
        near = difflib.get_close_matches(word, self._forms, n=1, cutoff=0.75)
        known = ", ".join(self._forms)
        remedy = f"Did you mean {self._written(near[0])}?" if near else f"There is {known}."
        return UsageError(f"There is no '{self._magic} {word}'. {remedy}")

    def _written(self, word: str) -> str:
        return f"{self._magic} {word} {self._forms[word][0]}".strip()
