"""A person follows what ``%mcp search`` found: to the line of a file and to a notebook's cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat.v4
import pytest
from playwright.async_api import Page, expect

from support.browser import lab_page, picture
from support.server import JupyterServer, jupyter_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LINES = [f"line_{number} = {number}" for number in range(1, 200)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[JupyterServer]:
    """JupyterLab over a project."""
    with jupyter_server(tmp_path, lab=True, collaboration=False) as running:
        (running.root / "src").mkdir()
        code = [*LINES, "", "", "def normalise_counts(counts):", "    return counts / sum(counts)"]
        (running.root / "src" / "norm.py").write_text("\n".join(code))
        far = [nbformat.v4.new_markdown_cell(f"Step {number}\n\n" * 20) for number in range(20)]
        last = nbformat.v4.new_code_cell("figure_of_whales = 12", id="the-whales")
        notebook(running, "whales.ipynb", *far, last)
        asked = ["%load_ext jupyter_mcp", "%mcp index update"]
        asked += [
            "%mcp search normalise counts path:src",
            "%mcp search in:notebooks figure_of_whales",
        ]
        (running.root / "pages").mkdir()
        notebook(running, "pages/asks.ipynb", *map(nbformat.v4.new_code_cell, asked))
        yield running


def notebook(server: JupyterServer, name: str, *cells: nbformat.NotebookNode) -> None:
    """Write a notebook."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made = nbformat.v4.new_notebook(cells=list(cells), metadata=kernel)
    nbformat.write(made, server.root / name)


async def test_links_open_the_line_and_the_cell(lab: JupyterServer) -> None:
    async with lab_page(lab, "pages/asks.ipynb") as page:
        await page.locator(".jp-Notebook:visible .jp-Cell").first.click()
        await page.get_by_role("menuitem", name="Run", exact=True).click()
        await page.get_by_text("Run All Cells", exact=True).click()
        hit = page.get_by_role("link", name="src/norm.py:202")
        await hit.wait_for()
        if path := picture("search.png"):
            await page.screenshot(path=path)
        await hit.click()
        await expect(page.get_by_role("button", name="Ln 202, Col 1")).to_be_visible()
        await back(page)
        await page.get_by_role("link", name="whales.ipynb#the-whales").click()
        await expect(page.locator(".jp-Cell.jp-mod-active:visible")).to_contain_text(
            "figure_of_whales = 12"
        )


async def back(page: Page) -> None:
    """Go back to the notebook that asks."""
    await page.locator("#jp-main-dock-panel").get_by_role("tab", name="asks.ipynb").click()
