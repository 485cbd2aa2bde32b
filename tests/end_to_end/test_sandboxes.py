"""An agent's day in a sandbox, from end to end, with a real server, engine and browser.

The client is the SDK's. The agent has the server's token, as agents do, and a person beside who
answers what the policy asks. It does what docs/how-to/sandboxes.md tells that it can do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mcp import types
from mcp.client import Client
from mcp.shared.dispatcher import ProgressFnT
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from support.clients import connected
from support.clients_of_ours import ask
from support.desktops import PAGE, SERVER
from support.desktops import PORT as PAGE_PORT
from support.engine import Engine
from support.git_server import GitServer, git, repository
from support.notebooks import code, write_notebook
from support.server import JupyterServer, wait_until
from support.web_inside import PORT, PROGRAM

pytestmark = pytest.mark.timeout(300)

BRIDGE = "10.210.0.1"
"""The engine's own address on this machine: a server of a company's network, for the sandbox."""

BUG = "def double(number):\n    return number + number + 1\n"
TESTS = """\
import pathlib, time
from lib import double

def test_small():
    assert double(2) == 4

def test_waits_for_somebody_who_watches():
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
"""


class Agent:
    """A client, and the person who answers what it has to ask."""

    def __init__(self) -> None:
        self.client: Client
        self.asked: list[str] = []

    async def answer(self, _: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        """Say yes, once."""
        self.asked.append(params.message)
        return types.ElicitResult(action="accept", content={"answer": "once"})

    async def ask(
        self, tool: str, progress: ProgressFnT | None = None, **arguments: Any
    ) -> types.CallToolResult:
        """Call a tool."""

        return await self.client.call_tool(tool, arguments, progress_callback=progress)

    async def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that works."""
        result = await self.ask(tool, **arguments)
        assert not result.is_error, (tool, result.content)
        assert result.structured_content is not None
        return result.structured_content

    async def error(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that is refused, and return what it says of it."""
        result = await self.ask(tool, **arguments)
        assert result.is_error, (tool, result.structured_content)
        assert result.structured_content is not None
        error: dict[str, Any] = result.structured_content["error"]
        return error

    async def until(self, holds: Callable[[dict[str, Any]], Any], tool: str, **words: Any) -> Any:
        """Call a tool until what it tells is so; nothing tells when that is."""
        async with asyncio.timeout(30):
            while not holds(told := await self.do(tool, **words)):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.05)
        return told

    @contextlib.contextmanager
    def asked_about(self, *words: str) -> Iterator[None]:
        """Check that a person was asked exactly these questions meanwhile."""
        before = len(self.asked)
        yield
        asked = self.asked[before:]
        assert len(asked) == len(words), asked
        for word, question in zip(words, asked, strict=True):
            assert word in question


@asynccontextmanager
async def agent_at(server: JupyterServer) -> AsyncIterator[Agent]:
    """Connect an agent with the server's token."""
    agent = Agent()
    async with connected(
        server, query="toolsets=sandboxes,files,notebooks", elicitation_callback=agent.answer
    ) as client:
        agent.client = client
        yield agent


@pytest.fixture
def forge(engine: Engine, tmp_path: Path) -> Iterator[GitServer]:
    """Where the repository comes from and goes to."""
    assert engine.network.startswith(BRIDGE)
    with GitServer(tmp_path / "forge", address=BRIDGE) as running:
        running.add("project", lib__py=BUG, test_lib__py=TESTS)
        yield running


@pytest.fixture
def server(
    engine: Engine, desktop_image: str, forge: GitServer, tmp_path: Path
) -> Iterator[JupyterServer]:
    """A server whose administrator lets sandboxes reach the forge, and nothing else."""
    options = {
        "docker_url": engine.url,
        "sandbox_domains": [urlsplit(forge.origin).netloc],
        "sandbox_images": [engine.image, desktop_image],
        "sandbox_pool": 0,
    }
    with JupyterServer(
        tmp_path / "home", collaboration=False, config={"JupyterMCP": options}
    ) as running:
        try:
            yield running
        finally:
            for each in ask(running, "sandbox_list")["sandboxes"]:
                ask(running, "sandbox_destroy", sandbox_id=each["sandbox_id"])


def left_of(engine: Engine, sandbox: str) -> list[str]:
    """Return the containers and volumes of a sandbox that there are."""
    label = f"label=jupyter-mcp.id={sandbox}"
    containers = engine.docker("ps", "-aq", "-f", label).stdout.split()
    return containers + engine.docker("volume", "ls", "-q", "-f", label).stdout.split()


async def test_an_agents_day_in_a_sandbox(
    engine: Engine, desktop_image: str, server: JupyterServer, forge: GitServer
) -> None:
    async with agent_at(server) as agent:
        with agent.asked_about("send to the domains"):
            made = await agent.do("sandbox_create", image=desktop_image, network=True, name="lab")
        assert (made["isolation"], made["network"]) == ("container", True)
        assert len(left_of(engine, made["sandbox_id"])) >= 1
        with agent.asked_about():  # all of this stays in the sandbox, whatever it reads there
            await clones_and_repairs(agent, forge)
            await types_in_a_shell(agent)
            await looks_at_a_page(agent, server)
            await agent.do("git_commit", path="project", sandbox_id="lab", message="Mend double")
            shown = await agent.do("git_diff", path="project", sandbox_id="lab", revision="HEAD~1")
        assert "-    return number + number + 1" in shown["diff"]
        with agent.asked_about("git_push"):
            await agent.do("git_push", path="project", sandbox_id="lab")
        assert forge.log("project") == ["Mend double", "first"]
        with agent.asked_about("file_download"):
            taken = {"sandbox_path": "project/lib.py", "root_path": "lib.py"}
            await agent.do("file_download", sandbox_id="lab", **taken)
        assert "+ 1" not in (server.root / "lib.py").read_text()
        await computes_in_a_notebook(agent, server)
        with agent.asked_about("sandbox_destroy"):
            await agent.do("sandbox_destroy", sandbox_id="lab")
        assert (await agent.error("sandbox_get", sandbox_id="lab"))["code"] == "not_found"
    assert left_of(engine, made["sandbox_id"]) == []


async def clones_and_repairs(agent: Agent, forge: GitServer) -> None:
    """Clone, see a test fail, mend it and see it pass while it still runs."""
    away = await agent.error("git_clone", url="http://192.0.2.1:80/x.git", sandbox_id="lab")
    assert away["remedy"]
    cloned = await agent.do("git_clone", url=f"{forge.origin}/project.git", sandbox_id="lab")
    assert (cloned["path"], cloned["branch"]) == ("project", "main")
    command = "python3 -m pytest -v -p no:cacheprovider"
    inside = {"sandbox_id": "lab", "cwd": "project"}
    failed = await agent.do("terminal_run", command=f"{command} -k small", **inside)
    assert failed["exit_code"] == 1
    assert "assert 5 == 4" in failed["stdout"]
    edit = {"old": "number + number + 1", "new": "2 * number"}
    await agent.do("file_edit", path="project/lib.py", edits=[edit], sandbox_id="lab")

    seen: list[str] = []

    async def watch(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        seen.append(message or "")
        if "test_small PASSED" in "".join(seen) and "go" not in seen:
            seen.append("go")  # the run cannot end before somebody has seen its first line
            await agent.do("file_write", path="project/go", content="", sandbox_id="lab")

    passed = await agent.ask("terminal_run", watch, command=command, **inside)
    assert not passed.is_error, passed.content
    assert passed.structured_content is not None
    assert passed.structured_content["exit_code"] == 0
    assert "2 passed" in passed.structured_content["stdout"]
    assert "go" in seen
    await agent.do("file_delete", path="project/go", sandbox_id="lab")


async def types_in_a_shell(agent: Agent) -> None:
    """Open Python in a terminal, use it, make it wider and leave it."""
    opened = await agent.do("terminal_open", sandbox_id="lab", cwd="project")
    terminal = opened["terminal_id"]

    async def shows(text: str) -> None:
        await agent.until(
            lambda news: text in news["text"], "terminal_read", terminal_id=terminal, plain=True
        )

    await agent.do("terminal_send", terminal_id=terminal, text="python3 -q", keys=["enter"])
    await shows(">>>")
    line = "import lib, os; print(lib.double(21), 'is it')"
    await agent.do("terminal_send", terminal_id=terminal, text=line, keys=["enter"])
    await shows("42 is it")
    await agent.do("terminal_resize", terminal_id=terminal, rows=30, columns=132)
    line = "print(os.get_terminal_size().columns, 'wide')"
    await agent.do("terminal_send", terminal_id=terminal, text=line, keys=["enter"])
    await shows("132 wide")
    await agent.do("terminal_send", terminal_id=terminal, text="exit()", keys=["enter", "ctrl-d"])
    await agent.until(lambda news: not news["is_open"], "terminal_read", terminal_id=terminal)
    await agent.do("terminal_close", terminal_id=terminal)


async def looks_at_a_page(agent: Agent, server: JupyterServer) -> None:
    """Serve a page, use it with a browser on the desktop and reach it by URL."""
    for name, content in {"page.html": PAGE, "serve.py": SERVER, "web.py": PROGRAM}.items():
        await agent.do("file_write", path=name, content=content, sandbox_id="lab")
    serve = f'python3 serve.py "$(cat page.html)" {PAGE_PORT}'
    await agent.do("terminal_open", sandbox_id="lab", command=serve)
    await agent.do("terminal_open", sandbox_id="lab", command=f"python3 web.py {PORT}")
    page, web = [
        await agent.until(lambda told: told["listens"], "port_expose", port=port, sandbox_id="lab")
        for port in (PAGE_PORT, PORT)
    ]

    def state() -> dict[str, Any]:
        answer = server.request("GET", f"{page['path']}state")
        assert answer.status == 200
        told: dict[str, Any] = answer.json()
        return told

    async def tells(**wanted: Any) -> None:
        def told() -> bool:
            return all(state().get(name) == value for name, value in wanted.items())

        await asyncio.to_thread(wait_until, told, seconds=30, what=f"the page tells {wanted}")

    assert "<title>Proof</title>" in server.request("GET", page["path"]).body.decode()
    assert server.request("GET", page["path"], token=False).status == 401
    screen = await agent.ask("computer", action="screenshot", sandbox_id="lab")
    assert [block.mime_type for block in screen.content if block.type == "image"] == ["image/png"]
    browser = f"browser http://127.0.0.1:{PAGE_PORT}/"
    opened = await agent.do("terminal_run", command=browser, sandbox_id="lab")
    assert opened["exit_code"] == 0, opened
    await tells(ready=True)
    await agent.until(
        lambda told: told["elements"], "computer", action="find", name="Press me", sandbox_id="lab"
    )
    await agent.do("computer", action="left_click", name="Press me", sandbox_id="lab")
    await tells(clicked=1)
    text = "Grüße, 漢字 €5"
    await agent.do("computer", action="type", name="Your name", text=text, sandbox_id="lab")
    await tells(name=text)

    address = web["url"].replace("http", "ws", 1) + "socket"
    socket = await websocket_connect(HTTPRequest(address, headers=server.headers))
    await socket.write_message("hello")
    assert await socket.read_message() == "back: hello"
    socket.close()


async def computes_in_a_notebook(agent: Agent, server: JupyterServer) -> None:
    """Run a notebook's cell on a kernel in the sandbox."""
    kernel = await agent.do("sandbox_kernel", sandbox_id="lab", name="Lab")
    assert kernel["isolation"] == "container"
    write_notebook(
        server.root / "inside.ipynb", code("import os, lib\nlib.double(21), os.getcwd()", "one")
    )
    await agent.do("kernel_start", path="inside.ipynb", name=kernel["kernel_name"])
    await agent.do("terminal_run", command="cp project/lib.py .", sandbox_id="lab")
    ran = await agent.do("cell_run", path="inside.ipynb")
    assert "(42, '/workspace')" in json.dumps(ran)


async def test_work_on_a_repository_of_the_root_needs_no_network(
    engine: Engine, server: JupyterServer
) -> None:
    project = repository(server.root / "project", lib__py=BUG, test_lib__py=TESTS)
    async with agent_at(server) as agent:
        with agent.asked_about():
            await agent.do("sandbox_create", image=engine.image, name="quiet")
            refused = await agent.error(
                "git_clone", url="https://github.com/a/b", sandbox_id="quiet"
            )
            assert "network" in refused["message"] + refused["remedy"]
            session = {"root_path": "project", "sandbox_id": "quiet"}
            begun = await agent.do("git_session_start", **session)
        session["sandbox_path"] = place = begun["path"]
        edit = {"old": "number + number + 1", "new": "2 * number"}
        await agent.do("file_edit", path=f"{place}/lib.py", edits=[edit], sandbox_id="quiet")
        shown = await agent.do("git_diff", path=place, sandbox_id="quiet")
        assert [(each["path"], each["added"]) for each in shown["files"]] == [("lib.py", 1)]
        await agent.do("git_commit", path=place, message="Mend double", sandbox_id="quiet")
        assert git(project, "log", "--format=%s") == "first"
        applied = await agent.do("git_session_apply", **session)
        assert applied["commits"] == 1
        assert git(project, "log", "--format=%s", "--no-merges").splitlines() == [
            "Mend double",
            "first",
        ]
        assert "2 * number" in (project / "lib.py").read_text()
        with agent.asked_about("file_delete", "git_session_discard", "sandbox_destroy"):
            await agent.do("file_delete", path="project/test_lib.py")
            await agent.do("git_session_discard", **session)
            await agent.do("sandbox_destroy", sandbox_id="quiet")
        assert git(project, "branch", "--list", "mcp/*") == ""
