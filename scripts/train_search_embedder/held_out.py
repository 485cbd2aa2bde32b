"""A set to choose with, out of packages that are not trained on.

``functions.json`` asks for the function that a docstring begins with; each question has one right
answer. It is no part of the project. For cells see `cells`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from pair import Pair

_OF_EACH = 120
"""Questions of a package at most, so that none rules."""


class Functions:
    """Documents and questions that grow package by package."""

    def __init__(self) -> None:
        self._documents: list[dict[str, str]] = []
        self._questions: list[dict[str, str]] = []
        self._seen: set[str] = set()
        self._random = random.Random(5)  # noqa: S311 - the same choice every time

    def add(self, package: str, pairs: list[Pair]) -> None:
        """Take what a package has; code that is there already is left out."""
        asked = []
        for at, pair in enumerate(pair for pair in pairs if pair.kind == "function"):
            key = " ".join(pair.code.split())
            if key in self._seen:
                continue
            self._seen.add(key)
            name = f"{package}#{at}"
            self._documents.append({"id": name, "text": pair.code[:4000]})
            asked.append({"query": pair.query, "rel": name})
        self._random.shuffle(asked)
        self._questions += asked[:_OF_EACH]

    def write(self, file: Path) -> None:
        """Write the set to its file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"docs": self._documents, "queries": self._questions}))
        counts = f"{len(self._questions)} questions, {len(self._documents)} documents"
        print(f"held out: {file.name}, {counts}", flush=True)
