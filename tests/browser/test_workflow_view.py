"""A person runs a workflow in a notebook, watches it, and answers what it asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Route, expect

from jupyter_mcp import Client
from support.browser import lab_page, open_panel, picture
from support.lab_notebooks import notebook, run
from support.server import JupyterServer, jupyter_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SALES = """\
%%workflow --run year=2026
name: sales of a year
parameters: {type: object, properties: {year: {type: integer}}, required: [year]}
nodes:
  - {id: load, kind: processing, title: Load the sales, expression: "[310, 275, parameters.year]"}
  - {id: figures, kind: analysis, method: statistics, input: "${nodes.load.output}"}
  - id: enough
    kind: decision
    needs: [figures]
    branches: [{name: many, when: size(nodes.load.output) > 2, next: [publish]}]
    otherwise: {next: [complain]}
  - {id: complain, kind: processing, expression: "'too few'"}
  - id: publish
    kind: approval
    title: May it be published?
    message: Publish the ${parameters.year} sales of ${nodes.load.output.0} and more?
    fields: {type: object, properties: {reader: {type: string, description: Who reads it}}}
  - id: letter
    kind: processing
    needs: [publish]
    expression: "'Dear ' + nodes.publish.output.fields.reader"
  - {id: broken, kind: processing, needs: [letter], expression: 1 / (parameters.year - 2026)}
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab over an empty folder."""
    with jupyter_server(tmp_path_factory.mktemp("office"), lab=True) as running:
        yield running


async def test_a_run_is_live_and_asks(office: JupyterServer) -> None:
    name = notebook(office, "sales.ipynb", "%load_ext jupyter_mcp", SALES)
    async with lab_page(office, name, width=1680, height=1100) as page:
        await run(page, 1, 2)
        view = page.locator(".jp-mcp-wf")
        await expect(box(view, "load")).to_have_attribute("data-status", "succeeded")
        await expect(box(view, "complain")).to_have_attribute("data-status", "skipped")
        asks = box(view, "publish")
        await expect(asks).to_have_attribute("data-status", "waiting")
        await expect(asks.locator(".jp-mcp-wf-sign")).to_have_text("…")
        await asks.click()
        details = view.get_by_label("Node", exact=True)
        await expect(details).to_contain_text("Publish the 2026 sales of 310 and more?")
        await details.get_by_label("reader").fill("Ada")
        if path := picture("workflow.png"):
            await page.screenshot(path=path)
        await details.get_by_role("button", name="Approve").click()
        await expect(box(view, "letter")).to_have_attribute("data-status", "succeeded")
        await box(view, "letter").click()
        await expect(details.get_by_label("Output")).to_have_text("Dear Ada")
        await expect(box(view, "broken")).to_have_attribute("data-status", "failed")
        await expect(view.locator(".jp-mcp-wf-state")).to_have_text("✕ failed")
        await expect(view.get_by_role("alert")).to_contain_text("broken")
        first = await run_id(view)
        await view.get_by_role("button", name="Retry").first.click()
        await expect(view.locator(".jp-mcp-wf-head")).to_contain_text(f"goes on from {first}")
        await expect(box(view, "letter")).to_have_attribute("data-status", "succeeded")


async def test_what_is_edited_runs(office: JupyterServer) -> None:
    name = notebook(office, "edits.ipynb", "%load_ext jupyter_mcp", "%mcp workflow edit sums.yaml")
    async with lab_page(office, name, width=1400, height=1200) as page:
        await run(page, 1, 2)
        editor = page.locator(".jp-mcp-wf-editor")
        text = editor.get_by_label("YAML")
        await expect(editor).to_contain_text("✓ Nothing is wrong with it")
        await box(editor, "first").click()
        await editor.get_by_label("Kind of the new node").select_option("processing")
        await editor.get_by_role("button", name="Add node").click()
        await expect(editor).to_contain_text("✕ 1 problem")
        await editor.get_by_label("expression", exact=True).fill("nodes.first.output + 1")
        await editor.get_by_label("title", exact=True).fill("One more")
        await editor.get_by_label("title", exact=True).blur()
        await expect(text).to_have_value(re.compile(r"needs:\s+- first"))
        await expect(editor).to_contain_text("✓ Nothing is wrong with it")
        typed = (await text.input_value()).replace("6 * 7", "6 * 70")
        await text.fill(typed)
        await box(editor, "first").click()
        await expect(editor.get_by_label("expression", exact=True)).to_have_value("6 * 70")
        await editor.get_by_role("button", name="Save").click()
        await expect(editor).to_contain_text("Saved.")
        assert (office.root / "sums.yaml").read_text() == typed
        await expect(editor).to_contain_text("✓ Nothing is wrong with it")
        if path := picture("workflow-editor.png"):
            await page.screenshot(path=path)
        await editor.get_by_role("button", name="Run …").click()
        await editor.get_by_role("button", name="Start").click()
        view = page.locator(".jp-mcp-wf:not(.jp-mcp-wf-editor)")
        await expect(view.locator(".jp-mcp-wf-state")).to_have_text("✓ succeeded")
        await box(view, "processing_2").click()
        await expect(view.get_by_label("Output")).to_have_text("421")


async def test_the_panel_shows_runs(office: JupyterServer) -> None:
    spec = "name: quick\nnodes:\n  - {id: only, kind: processing, expression: 6 * 7}\n"
    started = call(office, "workflow_start", spec=spec)
    async with lab_page(office) as page:
        await open_panel(page)
        section = page.get_by_role("region", name="Workflows")
        await section.get_by_text("Runs").click()
        await section.get_by_role("button", name="Show quick").click()
        view = page.locator("#jp-main-dock-panel .jp-mcp-wf")
        await expect(view.locator(".jp-mcp-wf-state")).to_have_text("✓ succeeded")
        await expect(view.locator(".jp-mcp-wf-head")).to_contain_text(started["workflow_id"])
        await box(view, "only").click()
        await expect(view.get_by_label("Output")).to_have_text("42")

        async def unknown(route: Route) -> None:
            asked = route.request.post_data_json or {}
            if asked.get("node") and asked["workflow_id"] != started["workflow_id"]:
                await route.fulfill(status=404, json={"error": {"message": "It is not there yet."}})
            else:
                await route.continue_()

        await page.route(re.compile("/tools/workflow_get"), unknown)
        await view.get_by_role("button", name="Run again from here").click()
        head = view.locator(".jp-mcp-wf-head")
        await expect(head).to_contain_text(f"goes on from {started['workflow_id']}")
        await expect(view.locator(".jp-mcp-wf-state")).to_have_text("✓ succeeded")


async def test_a_picture_of_a_server_that_is_away_is_told_as_old(tmp_path: Path) -> None:
    spec = "name: patient\nnodes:\n  - {id: only, kind: approval, message: May it?}\n"
    with jupyter_server(tmp_path, lab=True) as server:
        call(server, "workflow_start", spec=spec)
        async with lab_page(server) as page:
            await open_panel(page)
            section = page.get_by_role("region", name="Workflows")
            await section.get_by_text("Runs").click()
            await section.get_by_role("button", name="Show patient").click()
            view = page.locator("#jp-main-dock-panel .jp-mcp-wf")
            await expect(view.locator(".jp-mcp-wf-state")).to_have_text("… waiting")
            server.kill()
            old = re.compile("^This is as of .*The server does not answer.$")
            await expect(view.get_by_role("alert")).to_have_text(old)
            await expect(view.locator(".jp-mcp-wf-state")).to_contain_text("… waiting at ")
            await expect(section.get_by_role("alert")).to_contain_text("No news: ")


async def test_what_a_workflow_tells_is_shown(office: JupyterServer) -> None:
    body = "It is <b>${nodes.only.output}</b>."
    spec = {
        "name": "teller",
        "nodes": [
            {"id": "only", "kind": "processing", "expression": "6 * 7"},
            {"id": "tell", "kind": "notification", "channel": "panel", "body": body},
        ],
    }
    async with lab_page(office) as page:
        await open_panel(page)
        call(office, "workflow_start", spec=spec)
        toast = page.locator(".Toastify__toast")
        await expect(toast).to_contain_text("It is <b>42</b>.")
        await toast.get_by_role("button", name="Show the workflow").click()
        view = page.locator("#jp-main-dock-panel .jp-mcp-wf")
        await expect(view.locator(".jp-mcp-wf-head")).to_contain_text("teller")


def box(view: Locator, node: str) -> Locator:
    """Return a node of a graph."""
    return view.locator(f".jp-mcp-wf-graph [data-node={node}]")


def call(server: JupyterServer, tool: str, **given: object) -> Any:
    """Call a tool of a server."""
    with Client(server.url, server.token, toolsets="all") as client:
        return client.call_tool(tool, given).structured


async def run_id(view: Locator) -> str:
    """Return the identifier of the run that a view shows."""
    text = await view.locator(".jp-mcp-wf-head").inner_text()
    [found] = re.findall(r"wf-\w+", text)
    return str(found)
