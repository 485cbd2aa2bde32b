"""A person follows what ``%mcp search`` found: to the line of a file and to a notebook's cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat.v4
import pytest
from playwright.async_api import Page, expect

from support.browser import lab_page, picture
from support.lab_notebooks import notebook, run
from support.server import JupyterServer, jupyter_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LINES = [f"line_{number} = {number}" for number in range(1, 200)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[JupyterServer]:
    """JupyterLab over a project."""
    with jupyter_server(tmp_path, lab=True, collaboration=False) as running:
        (running.root / "src").mkdir()
        code = [*LINES, "", "", "def normalise_counts(counts):", "    return counts / sum(counts)"]
        (running.root / "src" / "norm.py").write_text("\n".join(code))
        far = [nbformat.v4.new_markdown_cell(f"Step {number}\n\n" * 20) for number in range(20)]
        whales = "figure_of_whales = [12, 30]\nshares = normalise_counts(figure_of_whales)"
        last = nbformat.v4.new_code_cell(whales, id="the-whales")
        notebook(running, "whales.ipynb", *far, last)
        asked = ["%load_ext jupyter_mcp", "%mcp index update"]
        asked += [
            "%mcp search --limit 2 where do I normalise the counts",
            "%mcp search in:notebooks --limit 1 figure_of_whales",
        ]
        (running.root / "pages").mkdir()
        notebook(running, "pages/asks.ipynb", *asked)
        yield running


async def test_links_open_the_line_and_the_cell(lab: JupyterServer) -> None:
    async with lab_page(lab, "pages/asks.ipynb") as page:
        await run(page, 1, 2, 3, 4)
        hit = page.get_by_role("link", name="src/norm.py:202")
        await hit.wait_for()
        cell = page.locator(".jp-CodeCell").last.get_by_role("link")
        await expect(cell).to_have_text("whales.ipynb#the-whales", timeout=30_000)
        if path := picture("search.png"):
            await page.screenshot(path=path)
        await hit.click()
        await expect(page.get_by_role("button", name="Ln 202, Col 1")).to_be_visible()
        await back(page)
        await cell.click()
        await expect(page.locator(".jp-Cell.jp-mod-active:visible")).to_contain_text(
            "figure_of_whales = [12, 30]"
        )


async def back(page: Page) -> None:
    """Go back to the notebook that asks."""
    await page.locator("#jp-main-dock-panel").get_by_role("tab", name="asks.ipynb").click()
