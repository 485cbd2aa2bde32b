"""The tool that uses a sandbox's screen, as a client calls it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image as Picture

from jupyter_mcp.calls import Image, Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from support.desktops import PAGE
from support.engine import Engine
from support.runtimes import PERSON
from support.sandboxes import sandbox_runtime

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Agent:
    """A client that uses the computer of one sandbox."""

    def __init__(self, runtime: Runtime, sandbox: str) -> None:
        self.runtime = runtime
        self.sandbox = sandbox

    async def ask(self, tool: str, **arguments: Any) -> Result:
        selection = self.runtime.catalog.selection("all")
        arguments.setdefault("sandbox_id", self.sandbox)
        return await self.runtime.call_tool(tool, arguments, PERSON, "test", selection=selection)

    async def computer(self, action: str, **arguments: Any) -> Result:
        result = await self.ask("computer", action=action, **arguments)
        assert result.error is None, result.error
        return result

    async def told(self, action: str, **arguments: Any) -> dict[str, Any]:
        result = await self.computer(action, **arguments)
        assert result.structured is not None
        return result.structured

    async def refused(self, action: str, **arguments: Any) -> ToolError:
        result = await self.ask("computer", action=action, **arguments)
        assert result.error is not None
        assert result.error.remedy
        return result.error

    async def until_found(self, name: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while not (found := (await self.told("find", name=name))["elements"]):  # noqa: ASYNC110 - in a container
                await asyncio.sleep(0.1)
        element: dict[str, Any] = found[0]
        return element


async def agent_in(runtime: Runtime, **wish: Any) -> Agent:
    """Create a sandbox for an agent."""
    selection = runtime.catalog.selection("all")
    created = await runtime.call_tool("sandbox_create", wish, PERSON, "test", selection=selection)
    assert created.structured is not None, created
    return Agent(runtime, created.structured["sandbox_id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(
    engine: Engine, desktop_image: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Agent]:
    """An agent in front of a browser, opened as the tool's description says."""
    folder = tmp_path_factory.mktemp("computer")
    async with sandbox_runtime(folder, "docker", docker_url=engine.url) as runtime:
        agent = await agent_in(runtime, image=desktop_image)
        await agent.computer("screenshot")
        write = "cat > page.html <<'END'\n" + PAGE + "\nEND\nbrowser file:///workspace/page.html &"
        ran = await agent.ask("terminal_run", command=write)
        assert ran.error is None, ran.error
        await agent.until_found("Press me")
        yield agent


def picture(result: Result) -> Picture.Image:
    (block,) = [block for block in result.content if isinstance(block, Image)]
    return Picture.open(io.BytesIO(block.data))


async def test_a_screenshot_is_an_image_block(agent: Agent) -> None:
    result = await agent.computer("screenshot")
    shown = picture(result)
    assert (shown.format, shown.size) == ("PNG", (1280, 800))
    assert result.structured is not None
    assert (result.structured["width"], result.structured["height"]) == (1280, 800)


async def test_a_click_by_name_with_its_picture(agent: Agent) -> None:
    result = await agent.computer("left_click", name="Press me", screenshot=True)
    assert result.structured is not None
    assert "push button 'Press me'" in result.structured["done"]
    assert picture(result).size == (1280, 800)
    await agent.until_found("Fresh 1")


async def test_openai_names_do_the_same(agent: Agent) -> None:
    element = await agent.until_found("Story")
    x, y = element["coordinate"]
    assert (await agent.told("click", x=x, y=y, button="left"))["coordinate"] == [x, y]
    typed = await agent.told("type", text="secret")
    assert "secret" not in str(typed)
    await agent.computer("keypress", keys=["CTRL", "A"])
    await agent.computer("move", x=5, y=6)
    assert (await agent.told("cursor_position"))["coordinate"] == [5, 6]
    await agent.computer("drag", path=[{"x": 500, "y": 600}, {"x": 560, "y": 640}])
    assert (await agent.told("cursor_position"))["coordinate"] == [560, 640]
    await agent.computer("scroll", x=600, y=600, scroll_x=0, scroll_y=100)


async def test_a_picture_that_the_caller_has_is_not_sent_again(agent: Agent) -> None:
    await agent.computer("left_click", coordinate=[1000, 700], screenshot=True)
    first = await agent.computer("screenshot", format="jpeg")
    assert picture(first).format == "JPEG"
    assert first.structured is not None
    again = await agent.computer("screenshot", format="jpeg", unless=first.structured["hash"])
    assert again.structured is not None
    if again.structured["hash"] == first.structured["hash"]:
        assert again.structured["unchanged"] is True
        assert not [block for block in again.content if isinstance(block, Image)]


async def test_zoom_needs_a_region(agent: Agent) -> None:
    result = await agent.computer("zoom", region=[0, 0, 320, 200])
    assert picture(result).size == (1280, 800)
    assert "needs region" in (await agent.refused("zoom")).message


@pytest.mark.parametrize(
    ("action", "arguments", "told"),
    [
        ("left_click", {"coordinate": [1280, 5]}, "not within the screen, which is 1280x800"),
        ("left_click", {"coordinate": [1, 2, 3]}, "The coordinate [1, 2, 3] is not within"),
        ("click", {"x": 5}, "The coordinate [5] is not within"),
        ("zoom", {"region": [1, 2]}, "The region [1, 2] is not within"),
        ("key", {"text": "Retrun"}, "no key 'Retrun'"),
        ("left_click", {"name": "Twin"}, "2 elements fit 'Twin'"),
        ("left_click", {"name": "Nowhere"}, "Nothing on the screen is called 'Nowhere'"),
        ("screenshot", {"screen": "1920x1080"}, "keeps its size"),
        ("screenshot", {"screen": "huge"}, "no size of a screen"),
        ("screenshot", {"sandbox_id": "sb-nowhere"}, "sb-nowhere"),
    ],
)
async def test_bad_input_is_one_line_with_a_remedy(
    agent: Agent, action: str, arguments: dict[str, Any], told: str
) -> None:
    assert told in (await agent.refused(action, **arguments)).message


async def test_a_sandbox_without_a_screen_is_told_which_image_has_one(tmp_path: Path) -> None:
    async with sandbox_runtime(
        tmp_path, "process", sandbox_environment=(("PATH", "/nowhere"),)
    ) as runtime:
        agent = await agent_in(runtime)
        error = await agent.refused("screenshot")
        assert error.code == "unsupported"
        assert "jupyter-mcp/desktop" in error.remedy
