"""A person's browser: Debian's Chromium on a JupyterLab page, with pictures where a test fails.

Playwright's async interface is used because its sync one keeps an event loop running in the test
process, where other tests then cannot start theirs.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from support.server import JupyterServer

ARTIFACTS = Path(__file__).resolve().parent.parent / "artifacts"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)


def chromium() -> str:
    """The path of Chromium; without one the test is skipped with the command that installs it."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium here: apt-get install chromium")


@asynccontextmanager
async def lab_page(
    server: JupyterServer, path: str = "", *, width: int = 1280, height: int = 900
) -> AsyncIterator[Page]:
    """A page with JupyterLab, on the notebook at ``path`` if one is given.

    When the block fails, its picture and the server's log are left in ``tests/artifacts``.
    """
    program = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        context = await browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(WAIT_MS)
        page = await context.new_page()
        try:
            where = f"lab/tree/{path}" if path else "lab"
            await page.goto(server.page(where, reset=""))
            await page.locator("#jupyterlab-splash").wait_for(state="detached")
            yield page
        except BaseException:
            await _keep(page, server)
            raise
        finally:
            await _close(context)
            await browser.close()


async def open_panel(page: Page) -> None:
    """Show the MCP panel in the left sidebar."""
    await page.get_by_role("tab", name="MCP").click()
    await page.locator(".jp-mcp-panel").wait_for()


def picture(name: str) -> Path | None:
    """Where to save a picture for the docs; only ``make screenshots`` asks for them."""
    folder = os.environ.get("JUPYTER_MCP_SCREENSHOTS")
    return Path(folder) / name if folder else None


async def _keep(page: Page, server: JupyterServer) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    test = os.environ.get("PYTEST_CURRENT_TEST", "page").split(" ")[0].rpartition("/")[2]
    name = re.sub(r"\W+", "-", test)
    await page.screenshot(path=ARTIFACTS / f"{name}.png")
    (ARTIFACTS / f"{name}.log").write_text(server.log)


async def _close(context: BrowserContext) -> None:
    # Lab asks whether to leave unsaved work; nobody is there to answer.
    for page in context.pages:
        await page.close(run_before_unload=False)
    await context.close()
