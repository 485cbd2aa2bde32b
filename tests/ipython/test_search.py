"""``%mcp search`` in a notebook of a real server: its links, its own variables, its index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp import Client
from support.server import JupyterServer

CODE = '''"""Counts."""


def normalise_counts(counts):
    """Scale the counts so that they sum to one."""
    total = sum(counts)
    return [each / total for each in counts]
'''
CELLS = {
    "load": "%load_ext jupyter_mcp",
    "update": "%mcp index update",
    "function": "%mcp search where do I normalise the counts",
    "cell": "%mcp search in:notebooks path:whales.ipynb whales",
    "assign": "count_table = [1, 2, 3]",
    "variables": "%mcp search in:vars the count",
    "everywhere": "%mcp search in:all --limit 10 counts",
    "keep": "%mcp search --mode literal def normalise_counts --path src -o found",
    "kept": "[hit['path'] for hit in found.hits]",
    "nothing": "%mcp search --mode literal no such text anywhere",
    "nowhere": "%mcp search path:nowhere counts",
    "status": "%mcp index",
    "drop": "%mcp index drop",
    "mistake": "%mcp index burn",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Run a notebook and return, by cell and MIME type, what it shows."""
    home = tmp_path_factory.mktemp("search")
    with JupyterServer(home, collaboration=False) as server:
        for folder in ("src", "pages"):
            (server.root / folder).mkdir()
        (server.root / "src" / "norm.py").write_text(CODE)
        with Client(server.url, server.token) as client:
            whales = [{"source": "figure_of_whales = 12"}]
            client.call("notebook_create", path="whales.ipynb", cells=whales)
            page = [{"source": each} for each in CELLS.values()]
            client.call("notebook_create", path="pages/page.ipynb", cells=page)
            client.call("cell_run", path="pages/page.ipynb")
        cells = zip(CELLS, _cells(server.root / "pages" / "page.ipynb"), strict=True)
        found = {name: _shown(cell["outputs"]) for name, cell in cells}
        found["whales"] = {"id": _cells(server.root / "whales.ipynb")[0]["id"]}
        return found


def _cells(notebook: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(notebook.read_text())["cells"]
    return found


def _shown(outputs: list[dict[str, Any]]) -> dict[str, str]:
    found = {"text/plain": "", "text/html": ""}
    for each in outputs:
        for mime in found:
            found[mime] += "".join(each.get("data", {}).get(mime, ""))
        found["text/plain"] += "".join(each.get("text", "")) + str(each.get("evalue", ""))
    return found


def test_a_function_is_found_with_a_link_to_its_line(shown: dict[str, dict[str, str]]) -> None:
    told = shown["function"]
    assert "1. src/norm.py:4-7  normalise_counts" in told["text/plain"]
    assert '<a href="../src/norm.py#line=3">src/norm.py:4-7</a>' in told["text/html"]
    assert "%mcp search" not in told["text/plain"], "a cell that asks is no answer"


def test_a_cell_is_found_with_a_link_to_it(shown: dict[str, dict[str, str]]) -> None:
    cell = shown["whales"]["id"]
    assert f"whales.ipynb#{cell}" in shown["cell"]["text/plain"]
    assert f'href="../whales.ipynb#cell-id={cell}"' in shown["cell"]["text/html"]


def test_variables_are_those_of_the_notebooks_own_kernel(shown: dict[str, dict[str, str]]) -> None:
    assert "count_table" in shown["variables"]["text/plain"]
    assert "list 3 items" in shown["variables"]["text/plain"]
    for each in ("count_table", "src/norm.py"):
        assert each in shown["everywhere"]["text/plain"]


def test_hits_are_kept_in_a_variable(shown: dict[str, dict[str, str]]) -> None:
    assert shown["keep"]["text/html"] == ""
    assert shown["kept"]["text/plain"] == "['src/norm.py']"


def test_nothing_found_says_what_to_try(shown: dict[str, dict[str, str]]) -> None:
    assert "Nothing was found. Try" in shown["nothing"]["text/plain"]
    told = shown["nowhere"]["text/plain"]
    assert "There is no file or folder 'nowhere' here." in told
    assert "Nothing was found yet" not in told


def test_the_index_tells_what_is_in_it_and_is_forgotten(shown: dict[str, dict[str, str]]) -> None:
    assert "files added" in shown["update"]["text/plain"]
    assert "pending" in shown["status"]["text/plain"]
    assert "Forgotten: root, packages." in shown["drop"]["text/plain"]
    assert "Write %mcp index status|update|drop." in shown["mistake"]["text/plain"]
