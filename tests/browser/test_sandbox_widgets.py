"""A person works in a sandbox from a notebook: its terminal and its screen are live in the page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from support.browser import lab_page, picture
from support.engine import Engine
from support.lab_notebooks import notebook, run
from support.server import JupyterServer, jupyter_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def studio(
    engine: Engine, desktop_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """JupyterLab whose sandboxes are containers with a desktop."""
    home = tmp_path_factory.mktemp("studio")
    settings = {"docker_url": engine.url, "sandbox_image": desktop_image, "sandbox_pool": 0}
    with jupyter_server(home, lab=True, config={"JupyterMCP": settings}) as running:
        yield running


async def test_a_terminal_is_live(studio: JupyterServer) -> None:
    name = notebook(
        studio,
        "terminal.ipynb",
        "%load_ext jupyter_mcp",
        "%mcp sandbox new shell",
        "%mcp sandbox terminal shell",
        "%mcp sandbox rm shell",
    )
    async with lab_page(studio, name) as page:
        await run(page, 1, 2, 3)
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
    name = notebook(
        studio,
        "screen.ipynb",
        "%load_ext jupyter_mcp",
        "%mcp sandbox new desk",
        "%mcp sandbox screen desk",
        "%%sandbox desk\nxterm -geometry 80x24+20+20 >/dev/null 2>&1 &",
        "%%sandbox desk\nuntil grep . said.txt; do sleep 0.1; done",
        "%mcp sandbox rm desk",
    )
    async with lab_page(studio, name, height=1200) as page:
        await run(page, 1, 2, 3)
        image = page.locator(".jp-mcp-screen-frame img")
        await expect(image).to_have_attribute("src", re.compile("^blob:"))
        before = await image.get_attribute("src") or ""
        await run(page, 4)
        await expect(image).not_to_have_attribute("src", before, timeout=20_000)
        box = await image.bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
        await page.keyboard.type("echo Größe > said.txt")
        await page.keyboard.press("Enter")
        await run(page, 5)
        await expect(page.locator(".jp-CodeCell").nth(4)).to_contain_text("Größe")
        if path := picture("sandbox-screen.png"):
            await page.screenshot(path=path)
        await remove(page)


async def remove(page: Page) -> None:
    """Run the last cell, which ends the sandbox."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").filter(has_text="%mcp sandbox rm")
    await cell.locator(".cm-content").click()
    await page.keyboard.press("Control+Enter")
    await expect(cell).to_contain_text("Destroyed sandbox")
