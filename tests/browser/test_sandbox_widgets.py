"""A person works in a sandbox from a notebook: its terminal and its screen are live in the page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat.v4
import pytest
from playwright.async_api import Locator, Page, expect

from support.browser import lab_page, picture
from support.engine import Engine
from support.server import JupyterServer, jupyter_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NAME = "sandbox.ipynb"


@pytest.fixture(scope="module")
def studio(
    engine: Engine, desktop_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """JupyterLab whose sandboxes are containers with a desktop."""
    home = tmp_path_factory.mktemp("studio")
    settings = {"docker_url": engine.url, "sandbox_image": desktop_image, "sandbox_pool": 0}
    with jupyter_server(home, lab=True, config={"JupyterMCP": settings}) as running:
        yield running


def notebook(server: JupyterServer, *sources: str) -> None:
    """Write a notebook with these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), server.root / NAME)


async def test_a_terminal_is_live(studio: JupyterServer) -> None:
    notebook(
        studio,
        "%load_ext jupyter_mcp",
        "%mcp sandbox new shell",
        "%mcp sandbox terminal shell",
        "%mcp sandbox rm shell",
    )
    async with lab_page(studio, NAME) as page:
        await run_all_but_last(page, 4)
        terminal = page.locator(".jp-mcp-terminal")
        await terminal.locator(".xterm-screen").click()
        await page.keyboard.type("echo $((6*7)) grün; ls /\n")
        rows = terminal.locator(".xterm-rows")
        await expect(rows).to_contain_text("42 grün")
        await expect(rows).to_contain_text("workspace")
        await page.keyboard.type("echo now; sleep 60\n")
        await expect(rows).to_contain_text(re.compile(r"now.*now", re.DOTALL))
        await page.keyboard.press("Control+c")
        await page.keyboard.type("echo after $?\n")
        await expect(rows).to_contain_text("after 130")
        if path := picture("sandbox-terminal.png"):
            await page.screenshot(path=path)
        await page.keyboard.type("exit 3\n")
        await expect(terminal.locator(".jp-mcp-widget-status")).to_have_text("ended with 3")
        await remove(page)


async def test_a_screen_is_live_and_takes_mouse_and_keys(studio: JupyterServer) -> None:
    notebook(
        studio,
        "%load_ext jupyter_mcp",
        "%mcp sandbox new desk",
        "%mcp sandbox screen desk",
        "%%sandbox desk\nxterm -geometry 80x24+20+20 >/dev/null 2>&1 &\nsleep 0.1",
        "%mcp sandbox rm desk",
    )
    async with lab_page(studio, NAME, height=1200) as page:
        await run_all_but_last(page, 5)
        screen = page.locator(".jp-mcp-screen-image")
        await expect(screen).to_have_attribute("src", re.compile("^blob:"))
        before = await screen.get_attribute("src")
        await expect(screen).not_to_have_attribute("src", before or "")
        box = await screen.bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
        await page.keyboard.type("echo Größe > said.txt")
        await page.keyboard.press("Enter")
        await said(page, "Größe")
        if path := picture("sandbox-screen.png"):
            await page.screenshot(path=path)
        await remove(page)


async def said(page: Page, text: str) -> None:
    """Wait until the sandbox's file has a text, asked for by a cell of the same notebook."""
    await page.evaluate("window.jupyterapp.commands.execute('notebook:insert-cell-below')")
    for _ in range(20):
        await page.wait_for_timeout(0)
        cell = page.locator(".jp-Notebook .jp-CodeCell.jp-mod-active")
        await cell.locator(".cm-content").fill("%%sandbox desk\ncat said.txt")
        await page.keyboard.press("Control+Enter")
        output = cell.locator(".jp-OutputArea")
        try:
            await expect(output).to_contain_text(text, timeout=3000)
        except AssertionError:
            continue
        return
    raise AssertionError(f"the sandbox never said {text}")


async def run_all_but_last(page: Page, count: int) -> None:
    """Run all cells but the one that ends the sandbox."""
    await page.wait_for_function(
        "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    await expect(cells).to_have_count(count)
    await cells.first.locator(".cm-content").click()
    for number in range(1, count):
        await page.keyboard.press("Shift+Enter")
        await expect(prompt_of(cells, number - 1)).to_have_text(f"[{number}]:", timeout=60_000)


def prompt_of(cells: Locator, at: int) -> Locator:
    return cells.nth(at).locator(".jp-InputArea-prompt")


async def remove(page: Page) -> None:
    """Run the last cell, which ends the sandbox."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").filter(has_text="%mcp sandbox rm")
    await cell.locator(".cm-content").click()
    await page.keyboard.press("Control+Enter")
    await expect(cell).to_contain_text("Destroyed sandbox")
