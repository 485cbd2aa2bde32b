"""Sets to measure with, out of packages that are not trained on.

``cells.json`` asks for the code cell below a sentence, ``functions.json`` for the function that a
docstring begins with; each question has one right answer. They are not part of the project.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from documents import Cell, told_above
from pair import Pair

_OF_EACH = {"cells": 150, "functions": 120}
"""Questions of a package at most, so that none rules."""


class HeldOut:
    """Documents and questions that grow package by package."""

    def __init__(self, use: str) -> None:
        self._use = use
        self._documents: list[dict[str, str]] = []
        self._questions: list[dict[str, str]] = []
        self._seen: set[str] = set()
        self._random = random.Random(5)  # noqa: S311 - the same choice every time

    def add(self, package: str, pairs: list[Pair], cells: list[Cell]) -> None:
        """Take what a package has; code that is there already is left out."""
        asked = []
        for at, (question, code) in enumerate(self._candidates(pairs, cells)):
            key = " ".join(code.split())
            if key in self._seen:
                continue
            self._seen.add(key)
            name = f"{package}#{at}"
            self._documents.append({"id": name, "text": code[:4000]})
            if question:
                asked.append({"query": question, "rel": name})
        self._random.shuffle(asked)
        self._questions += asked[: _OF_EACH[self._use]]

    def write(self, folder: Path) -> None:
        """Write the set to its file."""
        folder.mkdir(parents=True, exist_ok=True)
        told = {"docs": self._documents, "queries": self._questions}
        (folder / f"{self._use}.json").write_text(json.dumps(told))
        counts = f"{len(self._questions)} questions, {len(self._documents)} documents"
        print(f"held out: {self._use}, {counts}", flush=True)

    def _candidates(self, pairs: list[Pair], cells: list[Cell]) -> list[tuple[str, str]]:
        if self._use == "cells":
            return [(max(told_above(cell), key=len, default=""), cell.code) for cell in cells]
        return [(pair.query, pair.code) for pair in pairs if pair.kind == "function"]
