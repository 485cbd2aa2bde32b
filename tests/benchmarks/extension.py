"""What the measured server carries beside the product: an echo, a lag probe and many tools."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from jupyter_server.utils import url_path_join
from tornado.web import RequestHandler

from jupyter_mcp import Host, Toolset
from jupyter_mcp.calls.tool import NOTE, ToolNote

FILLERS = 199
INTERVAL = 0.005


class Echo(RequestHandler):
    """The floor: JSON in, JSON out, no authentication."""

    def check_xsrf_cookie(self) -> None:
        """Let the probe in."""

    def post(self) -> None:
        """Answer with what came."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"echo": json.loads(self.request.body)}))


class Lag(RequestHandler):
    """How late the event loop runs its timers since the last request, in milliseconds."""

    samples: list[float]

    def initialize(self, samples: list[float]) -> None:
        """Take the list that the sampler fills."""
        self.samples = samples

    def get(self) -> None:
        """Answer the samples and forget them."""
        self.finish(json.dumps({"late_ms": self.samples}))
        self.samples.clear()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "benchmarks.extension"}]


def _load_jupyter_server_extension(app: Any) -> None:
    samples: list[float] = []
    base = app.web_app.settings["base_url"]
    app.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, "bench/echo"), Echo),
            (url_path_join(base, "bench/lag"), Lag, {"samples": samples}),
        ],
    )
    app.io_loop.add_callback(_sample, samples)


async def _sample(samples: list[float]) -> None:
    while True:
        due = time.perf_counter() + INTERVAL
        await asyncio.sleep(INTERVAL)
        samples.append((time.perf_counter() - due) * 1000)


class Fillers(Toolset):
    """Two hundred tools, one of which is the trivial call."""

    name = "fillers"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        for number in range(FILLERS):
            setattr(type(self), f"filler_{number:03}", _filler(number))

    async def echo(self, text: str) -> str:
        """Return the text."""
        return text


def _filler(number: int) -> Any:
    async def filler(self: Fillers, path: str, count: int = 1, flag: bool = False) -> str:  # noqa: ARG001 - the shape of a real tool
        """Do one of many things to a path."""
        return path

    filler.__name__ = f"filler_{number:03}"
    setattr(filler, NOTE, ToolNote(scope="read"))
    return filler


setattr(Fillers.echo, NOTE, ToolNote(scope="read"))


class Lasting(Toolset):
    """A tool that may take long."""

    name = "lasting"

    async def last(self, seconds: float) -> str:
        """Take so many seconds."""
        await asyncio.sleep(seconds)
        return "done"


setattr(Lasting.last, NOTE, ToolNote(scope="read", long_running=True))
