"""Projects to search: a few files with known answers, and large ones of the standard library."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from support.notebooks import code, markdown, write_notebook

COUNTS = '''"""Counts of genes."""


def normalise_counts(frame, depth=1e6):
    """Scale each sample so that its counts add up to the same depth."""
    totals = frame.sum(axis=0)
    return frame / totals * depth


def plot_heatmap(frame):
    """Draw the samples as a heat map."""
    return frame.T.plot()
'''
MODEL = '''"""A regression that forgets nothing."""


class RidgeModel:
    """Linear regression with a penalty."""

    def fit(self, features, target):
        """Find the weights by solving the normal equations."""
        return features.T @ target
'''
GUIDE = """# Guide

## Install it

Use the package manager of your system.

## Upload the results

Results are uploaded to the archive with `deposit`, once a week.
"""
SECRET = '''def launch_code():
    """The code that nobody may see."""
    return 1234
'''


PACKAGES = (
    *("asyncio", "collections", "concurrent", "ctypes", "dbm", "email", "encodings", "html"),
    *("http", "importlib", "json", "logging", "multiprocessing", "re", "sqlite3", "tomllib"),
    *("unittest", "urllib", "wsgiref", "xml", "xmlrpc", "zoneinfo"),
)


def small_project(root: Path) -> None:
    """Write a project of a few files and a notebook."""
    files = {
        "src/counts.py": COUNTS,
        "src/model.py": MODEL,
        "docs/guide.md": GUIDE,
        "private/codes.py": SECRET,
        ".hidden.py": "def hidden_function():\n    return 1\n",
        "ignored/made.py": "def ignored_function():\n    return 1\n",
        ".gitignore": "ignored/\n",
        "page.R": "clean_table <- function(data) {\n  data[complete.cases(data), ]\n}\n",
    }
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    write_notebook(
        root / "notebooks/analysis.ipynb",
        markdown("## Batch correction\n\nRemove what differs between days.", "intro"),
        code("corrected = remove_batch_effect(table, by='day')", "correct"),
        code("secret_key = 'do not tell'", "hidden", tags=["private"]),
    )


def library(target: Path, *, notebooks: int = 0) -> int:
    """Copy packages of the standard library, write notebooks; return how many files there are."""
    source = Path(os.__file__).parent
    for name in PACKAGES:
        shutil.copytree(
            source / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "test*")
        )
    for number in range(notebooks):
        write_notebook(
            target / f"notebooks/part{number // 20}/study{number}.ipynb",
            markdown(f"# Study {number}\n\nWhat was measured on day {number}.", f"title{number}"),
            code(f"sample_{number} = load_sample({number})", f"load{number}"),
        )
    return sum(1 for file in target.rglob("*") if file.is_file())


def break_notebook(file: Path) -> None:
    """Write half a notebook."""
    file.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "x"}]})[:30])
