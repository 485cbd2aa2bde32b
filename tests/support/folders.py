"""Small projects that are indexed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KITCHEN = '''"""Cooks what the guests ordered."""


class Kitchen:
    """Where the meals come from."""

    def peel_potatoes(self, count: int) -> list[str]:
        """Take the skin off each potato."""
        return [f"potato {number}" for number in range(count)]

    def boil_water(self, litres: float) -> float:
        """Heat water until it bubbles and return its temperature."""
        return 100.0 if litres else 0.0
'''

LEDGER = '''"""Counts the money."""


def normalise_counts(counts: dict[str, int]) -> dict[str, float]:
    """Divide each count by their sum, so that they add up to one."""
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}
'''


def write_project(folder: Path) -> Path:
    """Write a project of two modules, a page and a notebook."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "kitchen.py").write_text(KITCHEN)
    (folder / "src" / "ledger.py").write_text(LEDGER)
    (folder / "README.md").write_text("# Restaurant\\n\\nHow to seat guests at the window.\\n")
    write_notebook(folder / "menu.ipynb", [("soup", "tomato_soup = cook('tomatoes')")])
    return folder


def write_many(folder: Path, count: int, name: str = "room") -> None:
    """Write so many modules, each with a function of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{name}_{number}.py").write_text(
            f"def {name}_function_{number}(guests):\\n"
            f'    """Return the {name} of guest number {number}."""\\n'
            f"    return guests[{number}]\\n"
        )


def notebook_of(cells: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return a notebook with code cells of these ids and sources."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": name,
                "metadata": {},
                "outputs": [],
                "source": source,
            }
            for name, source in cells
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write_notebook(path: Path, cells: Sequence[tuple[str, str]]) -> None:
    """Write such a notebook."""
    path.write_text(json.dumps(notebook_of(cells)))


def overwrite(file: Path, start: int) -> None:
    """Damage a file from a byte on."""
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(b"\xff" * (size - start))
