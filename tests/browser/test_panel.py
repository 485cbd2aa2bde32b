"""The panel, as a person sees it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from support.browser import lab_page, open_panel, picture
from support.clients import connected
from support.plugins import plugin_environment
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


async def test_the_person_stops_agents_and_answers_what_they_ask(tmp_path: Path) -> None:
    environment = plugin_environment(tmp_path, probe="support.probe:Probe")
    with JupyterServer(tmp_path, lab=True, collaboration=False, env=environment) as server:
        async with lab_page(server) as page:
            await open_panel(page)
            await expect(page.get_by_text("No agent has called yet.")).to_be_visible()
            async with connected(server) as agent:
                call = asyncio.create_task(agent.call_tool("probe_edit", {}))
                waiting = page.get_by_role("region", name="Waiting for you")
                await expect(waiting).to_contain_text("probe_edit")
                if place := picture("panel-approval.png"):
                    await page.screenshot(path=place)
                await page.get_by_role("button", name="Approve once: probe_edit").click()
                assert not (await asyncio.wait_for(call, 20)).is_error
                await expect(waiting).to_have_count(0)

                call = asyncio.create_task(agent.call_tool("probe_edit", {}))
                await page.get_by_role("button", name="Deny: probe_edit").click()
                assert (await asyncio.wait_for(call, 20)).is_error

                await page.get_by_role("radio", name="Running").focus()
                await page.keyboard.press("ArrowRight")
                await expect(page.get_by_text("Read-only by")).to_be_visible()
                assert not (await agent.call_tool("probe_echo", {"text": "hi"})).is_error
                await page.get_by_role("radio", name="Paused").click()
                await expect(page.get_by_text("Paused by")).to_be_visible()
                assert (await agent.call_tool("probe_echo", {"text": "hi"})).is_error
                await page.get_by_role("radio", name="Running").click()
                await expect(page.get_by_text("Agents may work.")).to_be_visible()
                assert not (await agent.call_tool("probe_echo", {"text": "hi"})).is_error
