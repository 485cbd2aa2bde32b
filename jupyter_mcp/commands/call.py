"""``jupyter mcp call NAME key=value …``: calls a tool of a running server from the shell."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from traitlets import Unicode

from jupyter_mcp.commands.command import INTERRUPTED, ServerCommand
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.arguments import arguments
from jupyter_mcp.ipython.asking import ask_person
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.ipython.words import from_shell

_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


class CallApp(ServerCommand):
    """Call the tool NAME; values are read by the tool's schema, key:=value is JSON."""

    name = "jupyter-mcp-call"
    description = __doc__ or ""
    examples = (
        "jupyter mcp call cell_read path=a.ipynb cell_id=x\n"
        'jupyter mcp call cell_run path=a.ipynb cell_ids:=\'["a", "b"]\' --json'
    )
    images = Unicode("", help="A folder in which the images of the result are saved.").tag(
        config=True
    )
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **ServerCommand.aliases,
        "images": "CallApp.images",
    }

    async def run(self) -> int:
        """Call it and print what it gave."""
        if not self.extra_args:
            raise ToolError(
                "invalid_arguments", "Say which tool.", "'jupyter mcp tools' lists them."
            )
        name, words = self.extra_args[0], from_shell(self.extra_args[1:])
        ask = _ask if sys.stdin.isatty() else None
        async with self.client(on_ask=ask) as client:
            await client.tools()
            values = arguments(client.known.get(name) or ToolInfo.unlisted(name), words)
            task = asyncio.ensure_future(client.call_tool(name, values, self._progress))
            with _cancelled_by_interrupt(task):
                try:
                    result = await task
                except asyncio.CancelledError:
                    self.tell("cancelled: The server was told to stop it.")
                    return INTERRUPTED
        self._print(result)
        return 1 if result.is_error else 0

    def _progress(self, done: float, total: float | None, message: str) -> None:
        if sys.stderr.isatty():
            share = f"{done:g}/{total:g} " if total else ""
            sys.stderr.write(f"\r\033[K{share}{message.strip()[:80]}")
            sys.stderr.flush()

    def _print(self, result: CallResult) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
        saved = self._save_images(result)
        if self.as_json:
            answer: dict[str, Any] = {
                "tool": result.tool,
                "is_error": result.is_error,
                "content": list(result.content),
                "structured": result.structured,
            }
            self.out_json(answer)
            return
        if result.text:
            self.out(result.text)
        for number, picture in enumerate(result.images):
            place = saved[number] if saved else "--images FOLDER saves it"
            self.out(f"[{picture.mime}, {len(picture.data)} bytes; {place}]")

    def _save_images(self, result: CallResult) -> list[Path]:
        if not self.images:
            return []
        folder = Path(self.images)
        folder.mkdir(parents=True, exist_ok=True)
        saved = []
        for number, picture in enumerate(result.images, 1):
            file = folder / f"{result.tool}-{number}{_SUFFIXES.get(picture.mime, '.bin')}"
            file.write_bytes(picture.data)
            saved.append(file)
        return saved


@contextlib.contextmanager
def _cancelled_by_interrupt(task: asyncio.Future[Any]) -> Iterator[None]:
    """Let Ctrl-C cancel the call instead of tearing the loop down around it."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, task.cancel)
    except (NotImplementedError, RuntimeError):  # Windows has no signal handlers in loops
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _ask(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return await asyncio.to_thread(ask_person, params)
