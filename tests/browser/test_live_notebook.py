"""A person has a notebook open and watches an agent work in it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat.v4
import pytest
from mcp.client import Client
from mcp.types import Implementation
from playwright.async_api import Locator, Page, expect

from support.browser import lab_page, open_panel, picture
from support.clients import connected
from support.lab_notebooks import notebook as written
from support.server import JupyterServer, jupyter_server, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AGENT = Implementation(name="an agent", version="1")
GATED = """\
import pathlib, time
print("before the gate", flush=True)
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.05)
print("after the gate")"""
TABLE = """\
import pandas as pd
visitors = pd.Series({2023: 12, 2024: 18, 2025: 27, 2026: 41}, name="thousands")
visitors.to_frame().T"""
PLOT = """\
ax = visitors.plot.bar(figsize=(5, 2), color="tab:orange", rot=0)
ax.set_title("Visitors, thousands");"""
WRONG = "growth = visitors[2026] / first_year"
UPDATED = """\
first = display("first", display_id=True)
print("between")
display("last")
first.update("updated")"""


@pytest.fixture(scope="module", params=[True, False], ids=["collaboration", "panel"])
def watched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """JupyterLab with live documents, and one where only our panel holds the open document."""
    home = tmp_path_factory.mktemp("watched")
    with jupyter_server(home, lab=True, collaboration=request.param) as running:
        yield running


@pytest.fixture
def notebook(watched: JupyterServer) -> str:
    name = f"museum-{uuid.uuid4().hex[:4]}.ipynb"
    cells = [
        nbformat.v4.new_markdown_cell("# Visitors of the museum", id="title"),
        nbformat.v4.new_code_cell("person = 'typed by the person'", id="persons"),
    ]
    return written(watched, name, *cells)


@asynccontextmanager
async def watching(server: JupyterServer, path: str) -> AsyncIterator[tuple[Page, Client]]:
    """A person's page on the notebook, and an agent connected to the same server."""
    async with lab_page(server, path) as page, connected(server, client_info=AGENT) as agent:
        yield page, agent


async def call(agent: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await agent.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def opened(page: Page) -> Locator:
    cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")
    await expect(cells.first).to_contain_text("Visitors of the museum")
    await page.wait_for_function(
        "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    return cells


async def saved(file: Path, text: str) -> dict[str, Any]:
    """Wait until the notebook on disk contains the text."""
    await asyncio.to_thread(
        wait_until, lambda: text in file.read_text(), seconds=20, what=f"{text!r} is saved"
    )
    content: dict[str, Any] = json.loads(await asyncio.to_thread(file.read_text))
    return content


async def test_edits_and_outputs_arrive_while_the_person_watches(
    watched: JupyterServer, notebook: str
) -> None:
    async with watching(watched, notebook) as (page, agent):
        cells = await opened(page)
        await open_panel(page)

        new = await call(agent, "cell_insert", path=notebook, source="answer = 41", after="persons")
        await expect(cells.nth(2)).to_contain_text("answer = 41")
        gate = watched.root / f"{notebook}.gate"
        await call(
            agent,
            "cell_edit",
            path=notebook,
            cell_id=new["cell_id"],
            source=GATED.format(gate=str(gate)),
        )
        await expect(cells.nth(2)).to_contain_text("before the gate")

        run = asyncio.create_task(call(agent, "cell_run", path=notebook, cell_ids=[new["cell_id"]]))
        output = cells.nth(2).locator(".jp-OutputArea-output")
        await expect(output).to_contain_text("before the gate")
        await expect(cells.nth(2).locator(".jp-InputPrompt")).to_contain_text("[*]")
        assert not run.done()
        assert "after the gate" not in await output.inner_text()
        gate.touch()
        await run
        await expect(output).to_contain_text("after the gate")
        await expect(cells.nth(2).locator(".jp-InputPrompt")).to_contain_text("[1]")

        content = await saved(watched.root / notebook, "after the gate\\n")
        assert [cell["id"] for cell in content["cells"]] == ["title", "persons", new["cell_id"]]


async def test_text_images_tables_and_errors_are_shown(
    watched: JupyterServer, notebook: str
) -> None:
    async with watching(watched, notebook) as (page, agent):
        cells = await opened(page)
        await open_panel(page)
        made, after = [], "persons"
        for source in (TABLE, PLOT, WRONG):
            cell = await call(agent, "cell_insert", path=notebook, source=source, after=after)
            made.append(after := cell["cell_id"])
        await call(agent, "cell_run", path=notebook, cell_ids=made[:2])
        failed = await agent.call_tool("cell_run", {"path": notebook, "cell_ids": made[2:]})
        assert failed.is_error

        output = [cells.nth(index).locator(".jp-OutputArea-output") for index in range(5)]
        await expect(output[2].locator("td")).to_have_text(["12", "18", "27", "41"])
        image = output[3].locator("img")
        await expect(image).to_be_visible()
        assert await image.evaluate("image => image.naturalWidth") > 100
        await expect(output[4]).to_contain_text("NameError")
        await expect(page.locator(".jp-mcp-recent")).to_contain_text("cell_runfailed")
        if watched.collaboration and (file := picture("live-notebook.png")):
            await page.evaluate("document.activeElement.blur()")
            await page.screenshot(path=file)


async def test_an_updated_display_keeps_its_place(watched: JupyterServer, notebook: str) -> None:
    async with watching(watched, notebook) as (page, agent):
        cells = await opened(page)
        made = await call(agent, "cell_insert", path=notebook, source=UPDATED, after="persons")
        await call(agent, "cell_run", path=notebook, cell_ids=[made["cell_id"]])
        output = cells.nth(2).locator(".jp-OutputArea-output")
        await expect(output).to_have_text(["'updated'", "between\n", "'last'"])


async def test_what_the_person_has_not_saved_stays(watched: JupyterServer, notebook: str) -> None:
    async with watching(watched, notebook) as (page, agent):
        cells = await opened(page)
        await cells.nth(1).locator(".cm-content").click()
        await page.keyboard.press("Control+End")
        await page.keyboard.type("  # not saved")
        await call(agent, "cell_insert", path=notebook, source="agents = 1", after="persons")
        await expect(cells.nth(2)).to_contain_text("agents = 1")
        await expect(cells.nth(1)).to_contain_text("# not saved")
        async with asyncio.timeout(20):  # the last letters may still be on their way to the server
            while "# not saved" not in json.dumps(
                await call(agent, "cell_read", path=notebook, cell_id="persons")
            ):
                pass


async def test_an_agent_does_not_type_over_the_person(
    watched: JupyterServer, notebook: str
) -> None:
    async with watching(watched, notebook) as (page, agent):
        cells = await opened(page)
        before = await call(agent, "cell_read", path=notebook, cell_id="persons")
        await cells.nth(1).locator(".cm-content").click()
        await page.keyboard.press("Control+End")
        await page.keyboard.type("  # mine")
        await expect(cells.nth(1)).to_contain_text("# mine")
        refused = await agent.call_tool(
            "cell_edit",
            {
                "path": notebook,
                "cell_id": "persons",
                "source": "overwritten = True",
                "revision": before["revision"],
            },
        )
        assert refused.is_error
        await expect(cells.nth(1)).to_contain_text("# mine")
        await expect(cells.nth(1)).not_to_contain_text("overwritten")
