"""In which order packages are read: first those that somebody asks about.

A whole environment takes a while, and a question often names what it is about: in a path, as in
``path:numpy``, or by a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.scopes.distributions import Distribution

_WORD = re.compile(r"\w+(?:-\w+)*")


def names_in(query: Query) -> frozenset[str]:
    """Return the names that packages may have which a question is about."""
    words = _WORD.findall(query.text) + query.path.split("/")[:1]
    parts = [part for word in words for part in (word, *word.split("-"))]
    return frozenset(map(spelled, parts))


class ReadingOrder:
    """The packages that are still to be read. Thread-safe.

    Args:
        waiting: All of them.
        wanted: Names of those that come first.
    """

    def __init__(self, waiting: Sequence[Distribution], wanted: frozenset[str]) -> None:
        self.wanted = wanted
        self._names = {each: _names(each) for each in waiting}
        self._waiting = dict.fromkeys(waiting)

    def next(self) -> Distribution | None:
        """Take the one that is read next; None when there is no more."""
        waiting = list(self._waiting)
        found = next((each for each in waiting if self.wanted & self._names[each]), None)
        found = found or next(iter(waiting), None)
        self._waiting.pop(found, None) if found else None
        return found

    def done(self, each: Distribution) -> None:
        """Note that one can be searched now."""
        self._names.pop(each, None)

    def lacks(self, names: frozenset[str]) -> bool:
        """Tell whether packages of these names are not read yet."""
        return any(names & known for known in list(self._names.values()))


def _names(each: Distribution) -> frozenset[str]:
    """Return how a package is called: by its own name, and by those it is imported by."""
    modules = {module.partition(".")[0] for _, module in each.modules()}
    return frozenset(map(spelled, (each.name, *modules)))


def spelled(name: str) -> str:
    """Return a name as it is compared with others."""
    return name.lower().replace("-", "_")
