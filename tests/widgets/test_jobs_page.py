"""What the view of jobs shows and asks for, in a real browser without a notebook."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from support.widget_pages import widget_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


def job(name: str, status: str, **more: Any) -> dict[str, Any]:
    """Return a job as the server tells it."""
    return {"job_id": name, "title": f"Work {name}", "status": status, "seconds": 75.0, **more}


def jobs(*listed: dict[str, Any], opened: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a message with jobs."""
    return {"kind": "jobs", "jobs": [*listed], "opened": opened}


async def test_a_job_is_cancelled_by_keys_alone() -> None:
    async with widget_page("jobs-view") as page:
        progress = {"done": 1, "total": 4, "message": "page 1"}
        others = job("two", "failed"), job("three", "waiting", asks=["Which year?"])
        await page.emit(jobs(job("one", "running", progress=progress), *others))
        rows = page.page.get_by_role("table", name="Jobs").get_by_role("row")
        await expect(rows.nth(1)).to_contain_text("▶ running")
        await expect(rows.nth(1)).to_contain_text("25 % · page 1")
        await expect(rows.nth(1)).to_contain_text("1:15")
        await expect(rows.nth(3)).to_contain_text("asks: Which year?")
        await expect(rows.nth(2).get_by_role("button", name="Cancel")).to_be_hidden()
        await page.page.keyboard.press("Tab")
        await page.page.keyboard.press("Tab")
        await expect(page.page.get_by_role("button", name="Cancel Work one")).to_be_focused()
        await page.refuse("It is not yours.")
        await page.page.keyboard.press("Enter")
        await expect(page.page.get_by_role("alert")).to_have_text("It is not yours.")
        assert await page.calls() == [["job_cancel", {"job_id": "one"}]]
        await page.refuse("")
        await page.page.keyboard.press("Enter")
        await expect(page.page.get_by_role("alert")).to_be_hidden()
        await expect(rows).to_have_count(4)  # an answer is no news
        await page.emit(jobs(job("four", "running"), job("one", "cancelled"), *others))
        await expect(rows.nth(2).get_by_role("button", name="Work one")).to_be_focused()
        announced = page.page.locator(".jp-mcp-wf > [role=status]")
        await expect(announced).to_have_text("Work one: cancelled.")


async def test_a_job_is_opened_and_its_log_followed() -> None:
    async with widget_page("jobs-view") as page:
        one = job("one", "running", title=HOSTILE)
        await page.emit(jobs(one))
        await page.page.get_by_role("table").get_by_role("button").first.click()
        details = page.page.get_by_role("region", name="Job")
        await expect(details.get_by_role("heading")).to_be_focused()
        await page.emit(jobs(one))  # asked before the click
        await expect(details.get_by_role("heading")).to_be_focused()
        sent = await page.page.evaluate("window.sent.filter(each => each.kind === 'open')")
        assert sent == [{"kind": "open", "node": "one"}]
        log = "\n".join(f"line {n}" for n in range(100))
        await page.emit(jobs(one, opened={**one, "log": log, "told": HOSTILE}))
        shown = details.get_by_label("Log")
        await expect(shown).to_contain_text("line 99")
        assert await shown.evaluate("each => each.scrollTop + each.clientHeight > 1000")
        assert await page.page.locator("img").count() == 0
        await page.page.keyboard.press("Escape")
        await expect(details).to_be_hidden()
        await expect(page.page.get_by_role("table").get_by_role("button").first).to_be_focused()


async def test_an_old_table_says_so() -> None:
    async with widget_page("jobs-view", has_clock=True) as page:
        await page.emit(jobs(job("one", "running")))
        alert = page.page.get_by_role("alert")
        await page.page.clock.run_for(9_000)
        await expect(alert).to_be_hidden()
        await page.page.clock.run_for(20_000)
        await expect(alert).to_contain_text("No news come")
        await page.emit({"kind": "same"})
        await expect(alert).to_be_hidden()
        await page.emit({"kind": "failure", "text": "The server is away."})
        await expect(alert).to_contain_text("The server is away.")
