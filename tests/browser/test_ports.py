"""A page from a sandbox in a real browser: it works, and cannot act as who looks at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from support.browser import ARGUMENTS, chromium
from support.web_inside import shown_inside

pytestmark = pytest.mark.browser


async def test_a_page_from_a_sandbox_works_and_has_no_login(tmp_path: Path) -> None:
    program = chromium()
    with shown_inside(tmp_path) as shown:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=program, args=list(ARGUMENTS)
            )
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(shown.server.page("api/status"))
            assert await context.cookies(), "the browser has logged in"
            mine = await context.request.get(f"{shown.server.url}api/contents")
            assert mine.status == 200, "which opens the API to the browser"

            await page.goto(shown.exposed["url"])
            told = page.locator("#told")
            await expect(told).to_contain_text('"done":true', timeout=20_000)
            found = json.loads(await told.inner_text())
            assert "/~" in page.url
            assert found["fetched"] == 42
            assert found["posted"] == "Bearer own"
            assert found["socket"] == "back: hello"
            colour = await told.evaluate("(element) => getComputedStyle(element).color")
            assert colour == "rgb(1, 2, 3)"

            assert found["opener"] == "null"
            assert found["api"] == "refused: TypeError"
            assert found["mcp"] == "refused: TypeError"
            assert found["cookie"] == "refused: SecurityError"
            assert found["storage"] == "refused: SecurityError"
            await context.close()
            await browser.close()
