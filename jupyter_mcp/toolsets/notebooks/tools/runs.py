"""What became of code, for people and models: short text, small pictures, links to the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from jupyter_mcp.calls import Block, Host, Image, Link, Text
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.printed.text import shortened, without_ansi
from jupyter_mcp.toolsets.notebooks.images import scaled
from jupyter_mcp.toolsets.notebooks.run import RunOutcome
from jupyter_mcp.toolsets.notebooks.spooling import OutputStore, Stored
from jupyter_mcp.toolsets.notebooks.tools.outputs import (
    CALL_OUTPUTS,
    MOST_IMAGES,
    decoded,
    picture_of,
    readable,
    text_of,
)

NOBODY_TO_ASK = (
    "The code asks for input, and this client cannot be asked. Give the value in the code, or call "
    "from a client with elicitation."
)

RunStatus = Literal["ok", "error", "timeout", "dead", "cancelled", "aborted", "running"]


class RunError(Shape):
    """What code raised."""

    ename: str
    evalue: str
    traceback: str


class CodeRun(Shape):
    """What became of code."""

    kernel_id: str
    status: RunStatus
    execution_count: int | None = None
    text: str = ""
    images: int = 0
    error: RunError | None = None
    job_id: str | None = None


class CellRun(Shape):
    """What became of a cell."""

    cell_id: str
    status: RunStatus
    execution_count: int | None = None
    text: str = ""
    images: int = 0
    error: RunError | None = None


class CellsRun(Shape):
    """What became of cells."""

    path: str
    kernel_id: str
    status: RunStatus
    cells: list[CellRun] = Field(default_factory=list)
    not_run: list[str] = Field(default_factory=list)
    job_id: str | None = None


@dataclass(slots=True)
class Shown:
    """A run as a model sees it."""

    text: str = ""
    images: int = 0
    error: RunError | None = None
    blocks: list[Block] = field(default_factory=list)


class Showing:
    """Turns the outcomes of one call into text and blocks, within the call's limits.

    Args:
        host: The host, for its settings and threads.
        store: Where whole outputs go that are in no notebook.
    """

    def __init__(self, host: Host, store: OutputStore) -> None:
        self._host = host
        self._store = store
        self._most = int(host.settings.output_bytes)
        self._room = CALL_OUTPUTS * self._most
        self._images = 0

    async def show(
        self, outcome: RunOutcome, seconds: float | None, uri: Callable[[int], str] | None = None
    ) -> Shown:
        """Show a run.

        Args:
            outcome: What became of it.
            seconds: The time that it was given.
            uri: Names the whole of output number `n`, where the notebook keeps it.
        """
        shown = Shown()
        texts: list[str] = []
        links: list[Block] = []
        pictures: list[Block] = []
        for index, output in enumerate(outcome.outputs):
            if output["output_type"] == "error":
                continue
            where = None if uri is None else uri(index)
            picture = picture_of(output)
            if picture is not None:
                pictures += await self._picture(*picture, where)
            else:
                text, more = await self._text(output, where)
                texts.append(text)
                links += [] if _is_in(outcome.full, output) else more
        if outcome.full is not None:
            full = outcome.full
            links.append(Link(full.uri, "all text of this run", mime=full.mime, size=full.size))
        shown.images = sum(isinstance(block, Image) for block in pictures)
        shown.text = "".join(_ended(text) for text in texts).rstrip("\n")
        shown.error = self._error(outcome, seconds)
        told = "\n".join(part for part in (shown.text, _error_text(shown.error)) if part)
        shown.blocks = [*([Text(told)] if told else []), *pictures, *links]
        return shown

    async def _picture(self, data: bytes, mime: str, where: str | None) -> list[Block]:
        self._images += 1
        if self._images > MOST_IMAGES:
            return [Link(where or await self._save(data, mime), "image", mime=mime, size=len(data))]
        longest = int(self._host.settings.image_pixels)
        small = await self._host.executor.run(scaled, data, mime, longest)
        if small is None:
            uri = where or await self._save(data, mime)
            return [Link(uri, "image that cannot be shown", mime=mime, size=len(data))]
        blocks: list[Block] = [Image(small.data, small.mime)]
        if not small.whole:
            uri = where or await self._save(data, mime)
            blocks.append(Link(uri, "whole image", mime=mime, size=len(data)))
        return blocks

    async def _text(self, output: dict[str, Any], where: str | None) -> tuple[str, list[Block]]:
        text, mime = text_of(output)
        if not readable(mime):
            data = decoded(text)
            uri = where or await self._save(data, mime)
            name = f"{mime}, {len(data)} bytes"
            return f"[{name}]", [Link(uri, name, mime=mime, size=len(data))]
        most = max(200, min(self._most, self._room))
        self._room -= min(len(text), most)
        if len(text) <= most:
            return text, []
        if where is None:
            where = await self._save(text.encode("utf-8", "replace"), mime)
        return shortened(text, most), [Link(where, "whole output", mime=mime, size=len(text))]

    async def _save(self, data: bytes, mime: str) -> str:
        return (await self._store.save(data, mime)).uri

    def _error(self, outcome: RunOutcome, seconds: float | None) -> RunError | None:
        if outcome.status == "ok":
            return None
        told = _unhappy_end(outcome, seconds)
        if told is not None:
            return RunError(ename=told[0], evalue=told[1], traceback="")
        if outcome.ename == "StdinNotImplementedError":  # its traceback is the kernel's own
            return RunError(ename=outcome.ename, evalue=NOBODY_TO_ASK, traceback="")
        trace = without_ansi("\n".join(outcome.traceback))
        evalue = without_ansi(outcome.evalue)
        if outcome.unasked and outcome.ename == "EOFError":
            trace, evalue = f"{trace}: {outcome.unasked}", outcome.unasked
        return RunError(
            ename=outcome.ename,
            evalue=shortened(evalue, self._most // 2),
            traceback=shortened(trace, self._most // 2),
        )


def _unhappy_end(outcome: RunOutcome, seconds: float | None) -> tuple[str, str] | None:
    """Return name and text of an end that the code itself did not make."""
    match outcome.status:
        case "dead":
            how = "was restarted" if outcome.restarted else "died"
            return "KernelDied", (
                f"The kernel {how} while this ran; its variables are lost. "
                "Call kernel_restart if it does not come back by itself, and run the cells anew."
            )
        case "timeout" if not outcome.began:
            return "Timeout", (
                f"The kernel was busy for {seconds:g} seconds; this was not begun. "
                "Wait for it (kernel_list), or end what runs with kernel_interrupt."
            )
        case "timeout" if outcome.interrupting:
            return "Timeout", (
                f"Interrupted after {seconds:g} seconds, still interrupting: the code does not "
                "react. kernel_restart ends it; the variables are lost then."
            )
        case "timeout":
            return "Timeout", f"Interrupted after {seconds:g} seconds; the kernel is free again."
        case "cancelled" | "aborted":
            return "Cancelled", "The kernel dropped the request. Run it again."
    return None


def _error_text(error: RunError | None) -> str:
    if error is None:
        return ""
    return error.traceback or f"{error.ename}: {error.evalue}"


def _is_in(full: Stored | None, output: Mapping[str, Any]) -> bool:
    """Return whether an output is part of the whole text that is linked anyway."""
    return full is not None and output["output_type"] == "stream"


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
