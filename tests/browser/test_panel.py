"""The panel, as a person sees it."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import expect

from support.browser import lab_page, open_panel
from support.server import JupyterServer

pytestmark = pytest.mark.browser

WAITS = "import time\nprint('waiting', flush=True)\ntime.sleep(60)"


async def test_the_panel_shows_the_server_and_copies_how_to_connect(lab: JupyterServer) -> None:
    async with lab_page(lab) as page:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await open_panel(page)
        await expect(page.locator(".jp-mcp-summary")).to_contain_text("jupyter_mcp 0.")
        await expect(page.locator(".jp-mcp-url")).to_have_text(lab.mcp_url)

        await page.get_by_role("button", name="Copy the URL").click()
        assert await page.evaluate("navigator.clipboard.readText()") == lab.mcp_url

        await page.get_by_label("Client", exact=True).select_option("Cursor")
        await page.get_by_role("button", name="Copy the configuration").click()
        copied = json.loads(await page.evaluate("navigator.clipboard.readText()"))
        assert copied["mcpServers"]["jupyter"] == {"url": lab.mcp_url, "headers": lab.headers}


async def test_a_running_call_appears_and_the_person_cancels_it(lab: JupyterServer) -> None:
    async with lab_page(lab) as page:
        await open_panel(page)
        started = lab.request("POST", "jupyter_mcp/api/tools/kernel_start", {})
        code = {"code": WAITS, "kernel_id": started.json()["structured"]["kernel_id"]}
        call = asyncio.create_task(
            asyncio.to_thread(lab.request, "POST", "jupyter_mcp/api/tools/kernel_execute", code)
        )
        running = page.locator(".jp-mcp-running .jp-mcp-call")
        await expect(running).to_contain_text("kernel_execute")
        await page.get_by_role("button", name="Cancel kernel_execute").click()
        answer = await asyncio.wait_for(call, 20)
        assert "cancelled" in answer.body.decode()
        await expect(running).to_have_count(0)
        await expect(page.locator(".jp-mcp-recent")).to_contain_text("kernel_execute")


async def test_the_panel_says_when_the_server_is_gone(tmp_path_factory) -> None:  # noqa: ANN001 - pytest's
    home = tmp_path_factory.mktemp("gone")
    with JupyterServer(home, lab=True, collaboration=False) as server:
        async with lab_page(server) as page:
            await open_panel(page)
            await expect(page.locator(".jp-mcp-dot[data-state=idle]")).to_have_count(1)
            server.kill()
            await expect(page.locator(".jp-mcp-dot[data-state=unreachable]")).to_have_count(1)
