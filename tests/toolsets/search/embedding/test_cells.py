"""The questions that search is measured with (`scripts/train_search_embedder/cells.py`)."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "scripts" / "train_search_embedder"


def test_a_question_keeps_names_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPT)
    cells = importlib.import_module("cells")
    told = "# Plots\n\nNow __we__ call `plot_confusion_matrix`, with _all_ of **y_test** in it:"
    question = "Now we call plot_confusion_matrix , with all of y_test in it:"
    assert cells.question_of(told).split() == question.split()
