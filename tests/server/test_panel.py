"""The WebSocket of the panel, with a page that behaves and pages that do not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.panels import Page, Panels
from support.server import JupyterServer


class Browser:
    """A page: it keeps what it is asked and answers when told to."""

    def __init__(self, panels: Panels, *open_paths: str) -> None:
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.page: Page = panels.join(self._take)
        self.page.receive(json.dumps({"open": list(open_paths)}))

    async def _take(self, frame: str) -> None:
        await self.asked.put(json.loads(frame))

    async def answer(self, **said: Any) -> dict[str, Any]:
        """Answer the next question and return it."""
        asked = await self.asked.get()
        self.page.receive(json.dumps({"id": asked["id"], **said}))
        return asked


async def test_asks_the_page_that_has_the_document_open() -> None:
    panels = Panels()
    first, second = Browser(panels, "a.ipynb"), Browser(panels, "b.ipynb")
    assert panels.connected("a.ipynb")
    assert not panels.connected("c.ipynb")
    wanted, asked = await asyncio.gather(
        panels.request("b.ipynb", {"op": "cells"}), second.answer(result={"cells": []})
    )
    assert wanted == {"cells": []}
    assert (asked["op"], asked["path"]) == ("cells", "b.ipynb")
    assert first.asked.empty()


async def test_answers_belong_to_their_questions() -> None:
    panels = Panels()
    page = Browser(panels, "a.ipynb")
    one = asyncio.create_task(panels.request("a.ipynb", {"op": "one"}))
    two = asyncio.create_task(panels.request("a.ipynb", {"op": "two"}))
    asked = [await page.asked.get(), await page.asked.get()]
    for question in reversed(asked):
        said = {"id": question["id"], "result": {"of": question["op"]}}
        page.page.receive(json.dumps(said))
    assert (await one, await two) == ({"of": "one"}, {"of": "two"})


async def test_error_of_the_page_is_raised() -> None:
    panels = Panels()
    page = Browser(panels, "a.ipynb")
    error = {"code": "conflict", "message": "The cell changed.", "remedy": "Read it."}
    asking = asyncio.create_task(panels.request("a.ipynb", {"op": "edit"}))
    await page.answer(error=error)
    with pytest.raises(ToolError) as caught:
        await asking
    assert caught.value.to_json() == error


async def test_page_that_closes_or_is_silent() -> None:
    panels = Panels(seconds=0.05)
    page = Browser(panels, "a.ipynb")
    with pytest.raises(ToolError, match="did not answer"):
        await panels.request("a.ipynb", {"op": "cells"})
    asking = asyncio.create_task(panels.request("a.ipynb", {"op": "cells"}))
    await page.asked.get()
    await page.asked.get()
    panels.leave(page.page)
    with pytest.raises(ToolError, match="closed"):
        await asking
    with pytest.raises(ToolError, match="No JupyterLab page"):
        await panels.request("a.ipynb", {"op": "cells"})


async def test_page_whose_socket_is_gone() -> None:
    async def gone(frame: str) -> None:
        raise WebSocketClosedError(frame)

    panels = Panels()
    panels.join(gone).receive('{"open": ["a.ipynb"]}')
    with pytest.raises(ToolError, match="closed"):
        await panels.request("a.ipynb", {"op": "cells"})


@pytest.mark.parametrize("nonsense", ["{", "[]", "1", '{"open": 3}', '{"id": 99, "result": 1}'])
async def test_nonsense_is_ignored(nonsense: str) -> None:
    panels = Panels()
    page = Browser(panels, "a.ipynb")
    page.page.receive(nonsense)
    assert panels.connected("a.ipynb")


async def test_real_socket_needs_credentials(plain_server: JupyterServer) -> None:
    url = f"{plain_server.url}jupyter_mcp/panel".replace("http:", "ws:")
    socket = await websocket_connect(HTTPRequest(url, headers=plain_server.headers))
    await socket.write_message(json.dumps({"open": ["a.ipynb"]}))
    socket.close()
    async with asyncio.timeout(10):
        while await socket.read_message() is not None:
            continue
    with pytest.raises(HTTPClientError) as caught:
        await websocket_connect(HTTPRequest(url))
    assert caught.value.code == 401
