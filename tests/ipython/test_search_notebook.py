"""The notebook on search, on a real server, and what its hits lead to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp import Client
from support.server import JupyterServer

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "search.ipynb"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the notebook and return what its cells say."""
    home = tmp_path_factory.mktemp("search_notebook")
    with JupyterServer(home, collaboration=False) as server:
        shutil.copyfile(NOTEBOOK, server.root / NOTEBOOK.name)
        with Client(server.url, server.token) as client:
            result = client.call("cell_run", path=NOTEBOOK.name)
            assert not result.is_error, result.text
        cells = json.loads((server.root / NOTEBOOK.name).read_text())["cells"]
        return {each["id"]: _said_by(each) for each in cells if "outputs" in each}


def _said_by(cell: dict[str, Any]) -> str:
    found = ""
    for output in cell["outputs"]:
        found += "".join(output.get("text", ""))
        found += "".join(output.get("data", {}).get("text/plain", ""))
    return found


def test_questions_find_what_was_written(said: dict[str, str]) -> None:
    assert "1. weather/scaling.py:2-5  normalise_counts" in said["ask"]
    assert "1. weather/reading.py:5-8  read_stations" in said["name"]
    assert "weather/scaling.py:2" in said["regex"]
    assert "station_counts" in said["vars"]
    assert "threshold" not in said["vars"]
    assert said["hits"] == "('weather/reading.py', 'read_stations')"


def test_the_index_is_complete_after_an_update(said: dict[str, str]) -> None:
    assert "0 pending, 0 with errors" in said["status"]


def test_search_works_without_a_server(said: dict[str, str]) -> None:
    assert "normalise the counts -> scaling.py normalise_counts" in said["python"]
    assert "ships report -> note-1" in said["python"]
