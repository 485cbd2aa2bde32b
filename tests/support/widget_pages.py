"""A page with nothing but one view of a widget; the test stands for the kernel's side."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Page, Route, async_playwright

import jupyter_mcp.widgets
from support.browser import ARGUMENTS, WAIT_MS, chromium

STATIC = Path(jupyter_mcp.widgets.__file__).parent / "static"
ORIGIN = "http://widget.test"

HTML = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/NAME.css"><body>
<main id="view"></main><script type="module">
import widget from '/NAME.js';
const handlers = new Map();
window.sent = [];
window.calls = [];
window.refusal = '';
window.emit = content => (handlers.get('msg:custom') ?? []).forEach(each => each(content, []));
window.answers = {};
const model = {
  get: () => 'the status',
  on: (event, handler) => handlers.set(event, [...(handlers.get(event) ?? []), handler]),
  off: () => undefined,
  send: content => {
    window.sent.push(content);
    if (content.kind === 'call') {
      window.calls.push([content.tool, content.arguments]);
      const value = window.answers[content.tool] ?? {};
      const answer = { kind: 'answer', id: content.id, error: window.refusal, value };
      setTimeout(() => window.emit(answer));
    }
  }
};
widget.render({ model, el: document.getElementById('view') });
window.isReady = true;
</script>"""


class WidgetPage:
    """The page and what its view has sent."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def emit(self, message: Mapping[str, Any]) -> None:
        """Let the view get a message."""
        await self.page.evaluate("message => window.emit(message)", message)

    async def calls(self) -> list[Any]:
        """The calls of tools that the view has asked for, each with its arguments."""
        found: list[Any] = await self.page.evaluate("window.calls")
        return found

    async def answer(self, tool: str, value: Mapping[str, Any]) -> None:
        """Answer all calls of a tool so from now on."""
        await self.page.evaluate(
            f"value => {{ window.answers[{json.dumps(tool)}] = value }}", value
        )

    async def refuse(self, text: str) -> None:
        """Refuse all calls from now on."""
        await self.page.evaluate("text => { window.refusal = text }", text)


@asynccontextmanager
async def widget_page(
    name: str,
    *,
    scheme: Literal["dark", "light"] = "light",
    width: int = 1000,
    height: int = 800,
    has_clock: bool = False,
) -> AsyncIterator[WidgetPage]:
    """A page with the view of a widget, built as it is shipped.

    Args:
        name: The bundle.
        scheme: The colours that the browser asks for.
        width: Of the page, in pixels.
        height: Of the page, in pixels.
        has_clock: Whether the page's time goes on only when the test says so (`page.clock`).
    """

    async def serve(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path == "/":
            html = HTML.replace("NAME", name)
            await route.fulfill(body=html, content_type="text/html")
        elif (file := STATIC / path.removeprefix("/")).is_file():
            await route.fulfill(path=file)
        else:
            await route.fulfill(status=404)

    program = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        page = await browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        page.set_default_timeout(WAIT_MS)
        if has_clock:
            await page.clock.install()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        await page.route("**/*", serve)
        await page.goto(ORIGIN)
        await page.wait_for_function("window.isReady")
        if has_clock:
            await page.clock.pause_at(time.time() + 60)  # later than it can be by now
        yield WidgetPage(page)
        await browser.close()
    assert not failures, failures
