"""A person watches ``%mcp jobs`` in a notebook while an agent's work goes on and ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from support.browser import lab_page, picture
from support.lab_notebooks import notebook, run
from support.plugins import plugin_environment
from support.server import JupyterServer
from support.tasks import TaskClient

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[JupyterServer]:
    """JupyterLab beside tools that take long."""
    env = plugin_environment(tmp_path, errands="support.errands:Errands")
    with JupyterServer(tmp_path, lab=True, collaboration=False, env=env) as running:
        asked = ["%load_ext jupyter_mcp", "%mcp jobs", "print('the kernel is free')"]
        notebook(running, "jobs.ipynb", *asked)
        yield running


async def test_the_table_follows_what_goes_on(lab: JupyterServer) -> None:
    agent = TaskClient(lab)
    dropped = agent.call("errand_wait", mark="dropped", path="old.ipynb")["taskId"]
    agent.send("tasks/cancel", taskId=dropped)
    failing = agent.call("errand_fail")["taskId"]
    agent.until(failing)
    asking = agent.call("errand_ask")["taskId"]
    running = agent.call("errand_wait", mark="shown", path="training.ipynb")["taskId"]
    async with lab_page(lab, "jobs.ipynb", width=1500, height=700) as page:
        await run(page, 1, 2, 3)
        await page.get_by_text("the kernel is free", exact=True).wait_for()
        table = page.locator(".jp-OutputArea-output table")
        row = table.locator("tr").filter(has_text=running)
        await expect(row).to_contain_text("waiting for shown")
        await expect(row).to_contain_text("training.ipynb")
        await expect(table.locator("tr").filter(has_text=asking)).to_contain_text("asks: Name 1?")
        await row.get_by_role("button").first.click()
        job = page.get_by_role("region", name="Job", exact=True)
        await expect(job.get_by_label("Log")).to_contain_text("waits for shown")
        if path := picture("jobs.png"):
            await page.screenshot(path=path)
        agent.call("errand_release", mark="shown")
        await expect(row).to_contain_text("succeeded")
        await expect(job.get_by_label("Result")).to_contain_text("shown was released")
        asks = table.locator("tr").filter(has_text=asking)
        await asks.get_by_role("button", name="Cancel").click()
        await expect(asks).to_contain_text("cancelled")
        await expect(asks.get_by_role("button", name="Cancel")).to_be_hidden()
