"""A real ipykernel, driven as a notebook page drives it, for tests of what runs inside kernels."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

SECONDS = 60.0


@dataclass
class Run:
    """What came of one cell."""

    status: str = ""
    stdout: str = ""
    stderr: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> str:
        """The plain text of everything displayed."""
        return "\n".join(bundle.get("text/plain", "") for bundle in self.data)

    @property
    def html(self) -> str:
        """The HTML of everything displayed."""
        return "\n".join(bundle.get("text/html", "") for bundle in self.data)


class Session:
    """A kernel and its client."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def start(self, code: str, *, stdin: bool = False) -> str:
        """Send code and return the id of the request."""
        sent: str = self.client.execute(code, allow_stdin=stdin)
        return sent

    def run(self, code: str, answers: tuple[str, ...] = ()) -> Run:
        """Run code to its end, answering `input()` with `answers`."""
        return self.finish(self.start(code, stdin=bool(answers)), answers)

    def finish(self, request: str, answers: tuple[str, ...] = ()) -> Run:
        """Collect what a request gives until the kernel is idle again."""
        found, left = Run(), list(answers)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if left:
                self._answer(left)
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            if _note(found, message):
                found.status = self._replied(request)["status"]
                return found
        raise TimeoutError(f"the cell did not end: {found}")

    def _replied(self, request: str) -> dict[str, Any]:
        """Return the reply to a request, past those to requests that nobody waited for."""
        while True:
            reply = self.client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"].get("msg_id") == request:
                content: dict[str, Any] = reply["content"]
                return content

    def wait_for(self, request: str, text: str) -> None:
        """Wait until a running request has printed or displayed `text`."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            mine = message["parent_header"].get("msg_id") == request
            content = message["content"]
            shown = content.get("text", "") + content.get("data", {}).get("text/plain", "")
            if mine and text in shown:
                return
        raise TimeoutError(f"{text!r} was not printed")

    def complete(self, code: str) -> list[str]:
        """Return what Tab at the end of `code` makes of the last line."""
        content = self._completed(code)
        start = content["cursor_start"]
        line = code.rfind("\n") + 1
        return [code[line:start] + match for match in content["matches"]]

    def completion_types(self, code: str) -> set[str]:
        """Return the types that the front end would show beside the completions."""
        content = self._completed(code)
        experimental = content["metadata"].get("_jupyter_types_experimental", [])
        return {entry["type"] for entry in experimental}

    def _completed(self, code: str) -> dict[str, Any]:
        request = self.client.complete(code, len(code))
        while True:
            message = self.client.get_shell_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == request:
                content: dict[str, Any] = message["content"]
                return content

    def interrupt(self) -> None:
        """Press stop."""
        self.manager.interrupt_kernel()

    def _answer(self, left: list[str]) -> None:
        try:
            self.client.get_stdin_msg(timeout=0.05)
        except queue.Empty:
            return
        self.client.input(left.pop(0))


@contextmanager
def session(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Session]:
    """Start a kernel in `folder`, whose Jupyter folders are below it too, and stop it."""
    manager = KernelManager(kernel_name="python3", connection_file=str(folder / "kernel.json"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JPY_")}
    places = {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
    }
    manager.start_kernel(cwd=str(folder), env={**kept, **places, **(env or {})})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        yield Session(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)
        manager.cleanup_resources()


def _note(found: Run, message: Mapping[str, Any]) -> bool:
    """Add a message to what was found; tell whether it was the last."""
    content = message["content"]
    match message["msg_type"]:
        case "stream":
            name = content["name"]
            setattr(found, name, getattr(found, name) + content["text"])
        case "display_data" | "execute_result":
            found.data.append(content["data"])
        case "update_display_data":
            found.updates.append(content["data"])
        case "error":
            found.error = content
        case "status":
            return bool(content["execution_state"] == "idle")
    return False
