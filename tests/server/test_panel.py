"""The WebSocket of the panel, with a page that behaves and pages that do not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.server.panels import Page, Panels
from support.clients_of_ours import ask
from support.notebooks import code, write_notebook
from support.plugins import plugin_environment
from support.server import JupyterServer, wait_until

PERSON = Principal("user:ann", "ann", kind="person")


class Browser:
    """A page: it keeps what it is asked and answers when told to."""

    def __init__(self, panels: Panels, *open_paths: str) -> None:
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.page: Page = panels.join(self._take, PERSON)
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
    panels.join(gone, PERSON).receive('{"open": ["a.ipynb"]}')
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
    async with asyncio.timeout(30):
        while await socket.read_message() is not None:
            continue
    with pytest.raises(HTTPClientError) as caught:
        await websocket_connect(HTTPRequest(url))
    assert caught.value.code == 401


def shared_server(home: Path) -> JupyterServer:
    """Return ann's server, to which bob may come as a viewer."""
    config = {"ServerApp": {"identity_provider_class": "support.identities.Crowd"}}
    environment = {**plugin_environment(home), "JUPYTERHUB_USER": "ann"}
    server = JupyterServer(home, collaboration=False, config=config, env=environment)
    server.token = "ann-token"
    return server


async def page_of(
    server: JupyterServer, token: str, path: str = "a.ipynb"
) -> WebSocketClientConnection:
    """Open the panel's connection as the page of whoever has `token`."""
    url = f"{server.url}jupyter_mcp/panel".replace("http:", "ws:")
    request = HTTPRequest(url, headers={"Authorization": f"Bearer {token}"})
    socket = await websocket_connect(request)
    await socket.write_message(json.dumps({"open": [path]}))
    return socket


async def test_a_viewers_page_does_not_say_what_stands_in_a_notebook(tmp_path: Path) -> None:
    """Who may only look must not put code into a cell that others run."""
    with shared_server(tmp_path) as server:
        for name in ("a.ipynb", "b.ipynb"):
            write_notebook(server.root / name, code("kept = 1", "a"))
        bobs, anns = (
            await page_of(server, "bob-token"),
            await page_of(server, "ann-token", "b.ipynb"),
        )

        def opened() -> list[str]:
            listed = ask(server, "notebook_list")["notebooks"]
            return [each["path"] for each in listed if each.get("open")]

        await asyncio.to_thread(wait_until, opened, seconds=30, what="ann's page has told")
        assert opened() == ["b.ipynb"]
        read = await asyncio.to_thread(ask, server, "notebook_read", path="a.ipynb", detail="cells")
        assert "kept = 1" in json.dumps(read)
        bobs.close()
        anns.close()


@pytest.mark.parametrize("started", [True, False])
async def test_a_page_goes_with_the_access_behind_it(tmp_path: Path, *, started: bool) -> None:
    with shared_server(tmp_path) as server:
        if started:
            ask(server, "notebook_list")
        socket = await page_of(server, "bob-token")
        await asyncio.to_thread(ask, server, "access_end", who="user:bob")
        async with asyncio.timeout(10):
            while await socket.read_message() is not None:
                continue
        assert socket.close_code == 4401
        socket.close()
