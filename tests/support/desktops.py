"""A desktop in a hardened container, with a page that tells what happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_argv
from jupyter_mcp.toolsets.sandboxes.backends.docker import DockerBackend
from jupyter_mcp.toolsets.sandboxes.desktop.desktop import Desktop
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Limits, SandboxSpec
from support.engine import Engine

PORT = 8765
SERVER = r"""
import http.server, json, sys, threading
page, state, turn = sys.argv[1], {}, threading.Lock()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = page.encode() if self.path == "/" else json.dumps(state).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        news = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with turn:  # requests overtake each other
            if news["number"] > state.get("number", 0):
                state.update(news)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
print("ready", flush=True)
server.serve_forever()
"""
"""A web server inside that keeps what the page tells."""
PAGE = """<!doctype html><meta charset="utf-8"><title>Proof</title>
<style>
body { margin: 0; font: 20px sans-serif; height: 4000px; }
#card { position: absolute; left: 700px; top: 200px; width: 120px; height: 60px;
        background: #c33; color: white; }
button, input, textarea { font: inherit; position: absolute; left: 40px; }
</style>
<button style="top: 40px" onclick="press()">Press me</button>
<button style="top: 100px" onclick="tell({twin: 'first'})">Twin</button>
<button style="top: 100px; left: 160px" onclick="tell({twin: 'second'})">Twin</button>
<input style="top: 160px; width: 500px" aria-label="Your name" oninput="tell({name: value})">
<textarea style="top: 220px; width: 500px; height: 120px" aria-label="Story"
          oninput="tell({story: value})"></textarea>
<button style="top: 3000px" onclick="tell({far: true})">Far away</button>
<div id="card">card</div>
<script>
let clicks = 0, held = null;
const state = {number: 0};
const tell = (news) => {
  Object.assign(state, news, {number: state.number + 1});
  fetch("/state", {method: "POST", body: JSON.stringify(state)});
};
const press = () => {
  tell({clicked: ++clicks});
  const fresh = document.createElement("button");
  fresh.textContent = "Fresh " + clicks;
  fresh.style = `left: 300px; top: ${10 + 50 * clicks}px`;
  fresh.onclick = () => tell({fresh: fresh.textContent});
  document.body.append(fresh);
};
addEventListener("scroll", () => tell({scroll: scrollY}));
addEventListener("keydown", (e) => {
  if (e.key === "F8") {
    document.activeElement.blur();
    scrollTo({top: 0, behavior: "instant"});
    tell({resets: (state.resets || 0) + 1, scroll: 0});
  }
});
addEventListener("keydown", (e) => tell({key: (e.ctrlKey ? "Control+" : "") + e.key}));
addEventListener("keyup", (e) => tell({released: e.key}));
addEventListener("dblclick", () => tell({double: true}));
addEventListener("click", (e) => tell({detail: e.detail, shift: e.shiftKey}));
addEventListener("contextmenu", (e) => { e.preventDefault(); tell({menu: true}); });
addEventListener("auxclick", (e) => tell({aux: e.button}));
const card = document.getElementById("card");
card.onmousedown = (e) => { held = [e.clientX - card.offsetLeft, e.clientY - card.offsetTop]; };
addEventListener("mousemove", (e) => {
  if (!held) return;
  card.style.left = e.clientX - held[0] + "px";
  card.style.top = e.clientY - held[1] + "px";
});
addEventListener("mouseup", () => {
  if (held) tell({card: [card.offsetLeft, card.offsetTop]});
  held = null;
});
tell({ready: true, top: outerHeight - innerHeight});
</script>"""


@dataclass
class Office:
    """A sandbox with a desktop, a web server and perhaps a browser.

    Args:
        link: Its agent.
        desktop: Its screen.
        tasks: The owner of what runs beside.
    """

    link: Link
    desktop: Desktop
    tasks: Supervisor

    async def run(self, *argv: str) -> str:
        """Run a command inside and return what it wrote."""
        process = await self.link.start(argv, stdin=False)
        written = [data async for _, data in process.output()]
        await process.wait()
        return b"".join(written).decode()

    async def serve(self, page: str = PAGE) -> None:
        """Serve a page inside."""
        argv = ["python3", "-I", "-c", SERVER, page, str(PORT)]
        process = await self.link.start(argv)
        output = process.output()
        assert await anext(output) == ("stdout", b"ready\n")

    async def browse(self) -> None:
        """Open the page in a browser and wait until it is there."""
        assert await self.run("browser", f"http://127.0.0.1:{PORT}/") == ""
        await self.until(lambda state: state.get("ready"), seconds=30)
        await self.desktop.settled()  # clicks before the first frame are dropped by Chromium

    async def state(self) -> dict[str, Any]:
        """Return what the page told."""
        told = await self.run("curl", "-s", f"http://127.0.0.1:{PORT}/state")
        state: dict[str, Any] = json.loads(told)
        return state

    async def until(
        self, holds: Callable[[dict[str, Any]], Any], seconds: float = 30
    ) -> dict[str, Any]:
        """Wait until the page told something."""
        end = time.monotonic() + seconds
        while True:
            state = await self.state()
            if holds(state):
                return state
            assert time.monotonic() < end, f"the page only told {state}"
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def container(
    engine: Engine, image: str, memory: int = 1024 * MIB
) -> AsyncIterator[tuple[Link, Supervisor]]:
    """Give the agent in a fresh container of an image."""
    tasks, threads = Supervisor(), Executor(4, "desktop test")
    backend = DockerBackend(Settings(docker_url=engine.url), threads, tasks)
    now = time.time()
    limits = Limits(memory=memory)
    spec = SandboxSpec(
        f"sb-{secrets.token_hex(6)}", "me", "tests", now + 600, now, image=image, limits=limits
    )
    try:
        handle = await backend.create(spec)
        try:
            channel = await backend.channel(handle, agent_argv())
            link = await Link.open(channel, tasks)
            try:
                yield link, tasks
            finally:
                await link.close()
        finally:
            await backend.destroy(handle)
    finally:
        await backend.stop()
        await tasks.stop()
        threads.stop()


@contextlib.asynccontextmanager
async def office(
    engine: Engine, image: str, screen: Screen | None = None, memory: int = 1024 * MIB
) -> AsyncIterator[Office]:
    """Give a sandbox with a desktop."""
    async with container(engine, image, memory) as (link, tasks):
        desktop = await Desktop.open(link, tasks, screen or Screen())
        yield Office(link, desktop, tasks)
        await desktop.close()
