"""The tutorial in its natural place: a notebook whose kernel belongs to a Jupyter server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp import Client
from support.server import JupyterServer

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def run_tutorial(server: JupyterServer) -> dict[str, dict[str, Any]]:
    """Run the tutorial in its own kernel and return its code cells by id."""
    shutil.copyfile(NOTEBOOKS / "tutorial.ipynb", server.root / "tutorial.ipynb")
    with Client(server.url, server.token) as client:
        result = client.call("cell_run", path="tutorial.ipynb")
    assert not result.is_error, result.text
    saved = json.loads((server.root / "tutorial.ipynb").read_text())
    return {cell["id"]: cell for cell in saved["cells"] if cell["cell_type"] == "code"}


def text_of(cell: dict[str, Any]) -> str:
    found = ""
    for output in cell["outputs"]:
        found += "".join(output.get("text", ""))
        found += "".join(output.get("data", {}).get("text/plain", ""))
    return found


@pytest.mark.parametrize("name", ["server", "plain_server"])
def test_the_tutorial_runs_on_its_own_server(name: str, request: pytest.FixtureRequest) -> None:
    server: JupyterServer = request.getfixturevalue(name)
    cells = run_tutorial(server)
    assert server.url in text_of(cells["status"])
    assert "the kernel's own server" in text_of(cells["status"])
    assert "notebook_undo" in text_of(cells["tools"])
    assert text_of(cells["error"]) == "(True, 'NameError', \"name 'radius' is not defined\")"
    assert "radii" in text_of(cells["variables"])
    assert text_of(cells["python"]) == "not_found\n'3'"
    assert "cell_edit" in text_of(cells["history"]) or "edit" in text_of(cells["history"])
    scratch = json.loads((server.root / "scratch.ipynb").read_text())
    assert len(scratch["cells"]) == 3


def test_a_cell_that_would_wait_for_itself_is_refused(server: JupyterServer) -> None:
    cells = [
        {"source": "%load_ext jupyter_mcp"},
        {"source": "%mcp kernel_execute path=self.ipynb code=1"},
    ]
    with Client(server.url, server.token) as client:
        client.call("notebook_create", path="self.ipynb", cells=cells)
        result = client.call("cell_run", path="self.ipynb", timeout=60)
    assert result["cells"][-1]["error"]["evalue"].startswith(
        "'kernel_execute' would wait for this kernel"
    )


def test_the_notebooks_in_the_repository_have_never_run() -> None:
    for file in NOTEBOOKS.glob("*.ipynb"):
        for cell in json.loads(file.read_text())["cells"]:
            assert not cell.get("outputs"), (file, cell["id"])
            assert cell.get("execution_count") is None
