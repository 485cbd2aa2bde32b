"""The outputs of one run, built from the kernel's messages by the rules of nbformat.

Streams are merged, carriage returns and backspaces take effect as in a terminal, `clear_output`
waits when it says so, and a display is updated where it was first shown, even from a later run.
What is too much for a notebook is cut to its head and tail here; the whole goes to a spool.
Nothing here talks to a kernel, and nothing waits: changes are handed on as they come, small ones
gathered for a twentieth of a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jupyter_mcp.printed.text import OVERWRITES, Tail, joined
from jupyter_mcp.toolsets.notebooks.displays import Displays
from jupyter_mcp.toolsets.notebooks.model import (
    Append,
    CellWriter,
    Clear,
    Extend,
    OutputChange,
    Replace,
)

FLUSH_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a flood a notebook takes.

    Args:
        stream: Characters of one stream output; its tail of a quarter of this is kept besides.
        total: Characters of all stream outputs of a run.
        rich: Characters of the data of one display.
        outputs: Number of outputs.
    """

    stream: int = 200_000
    total: int = 1_000_000
    rich: int = 10_000_000
    outputs: int = 500


class Spool(Protocol):
    """Where the whole text of a run goes once it is too much for the notebook."""

    def write(self, text: str) -> None:
        """Take more text, without waiting."""
        ...


class OutputArea:
    """The outputs of one run.

    Args:
        displays: The displays of the kernel.
        writer: The cell that shows the outputs; None for code without a cell.
        on_change: Told of each change as well, for progress.
        open_spool: Opens the spool when the first text is left out.
        limits: How much to keep.
        code: The code that runs.
        place: What names the cell, so that its next run supersedes this one; empty without one.
    """

    def __init__(
        self,
        displays: Displays,
        writer: CellWriter | None = None,
        on_change: Callable[[OutputChange], None] | None = None,
        open_spool: Callable[[], Spool] | None = None,
        limits: Limits | None = None,
        *,
        code: str = "",
        place: str = "",
    ) -> None:
        self.code = code
        self.place = place
        self.outputs: list[dict[str, Any]] = []
        self._displays = displays
        self._writer = writer
        self._on_change = on_change
        self._open_spool = open_spool
        self._limits = limits or Limits()
        self._spool: Spool | None = None
        self._clear_with_next = False
        self._room = self._limits.total
        self._tails: dict[int, Tail] = {}
        self._left_out = 0
        self._dirty: _Dirty | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self._ended = False

    @property
    def spooled(self) -> bool:
        """Whether text was left out, so that the whole is in the spool."""
        return self._spool is not None

    def begin(self) -> None:
        """Show the cell as running, its old outputs gone."""
        self._displays.forget_place(self.place)
        if self._writer is not None:
            self._writer.begin()

    def count(self, execution_count: int) -> None:
        """Show the number that the kernel gave to this run."""
        if self._writer is not None:
            self._writer.count(execution_count)

    def message(self, kind: str, content: Mapping[str, Any]) -> None:
        """Take a message of the ``iopub`` channel; kinds that are no output are passed over."""
        if kind == "stream":
            self._stream(str(content.get("name", "stdout")), str(content.get("text", "")))
        elif kind in {"display_data", "execute_result"}:
            self._display(kind, content)
        elif kind == "error":
            self._append(error_output(content))
        elif kind == "update_display_data":
            self._displays.update(content)
        elif kind == "clear_output":
            if content.get("wait"):
                self._clear_with_next = True
            else:
                self._clear()

    def page(self, text: str) -> None:
        """Show the text of a pager (``name?``), as JupyterLab does, below the outputs."""
        data = {"text/plain": text}
        self._append({"output_type": "display_data", "data": data, "metadata": {}})

    def redraw(self, index: int, content: Mapping[str, Any]) -> None:
        """Replace the data of the display at `index`, also after the run ended."""
        if index >= len(self.outputs) or "data" not in self.outputs[index]:
            return
        self.flush()
        changed = {
            **self.outputs[index],
            "data": self._fitting(content.get("data", {})),
            "metadata": dict(content.get("metadata", {})),
        }
        self.outputs[index] = changed
        self._emit(Replace(index, changed))

    def end(self) -> None:
        """Put the tails under what was cut, write what is pending and show the cell as idle."""
        if self._ended:
            return
        self._ended = True
        for index, tail in self._tails.items():
            self.outputs[index]["text"] += tail.text()
            self._touch(index, None)
        if self._left_out:
            note = f"[{self._left_out} more outputs left out]\n"
            self._put({"output_type": "stream", "name": "stderr", "text": note})
        self.flush()
        if self._writer is not None:
            self._writer.end()

    def flush(self) -> None:
        """Hand on the pending change of a stream."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dirty, self._dirty = self._dirty, None
        if dirty is None:
            return
        self._flushed_at = asyncio.get_running_loop().time()
        if dirty.added is None:
            self._emit(Replace(dirty.index, dict(self.outputs[dirty.index])))
        else:
            self._emit(Extend(dirty.index, "".join(dirty.added)))

    def _stream(self, name: str, text: str) -> None:
        if self._spool is not None:
            self._spool.write(text)
        self._before_output()
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") == "stream" and last.get("name") == name:
            self._extend(len(self.outputs) - 1, text)
        elif self._has_place(text):
            self._put({"output_type": "stream", "name": name, "text": ""})
            self._extend(len(self.outputs) - 1, text)

    def _extend(self, index: int, text: str) -> None:
        if index in self._tails:
            self._tails[index].add(text)
            return
        output = self.outputs[index]
        fits = max(0, min(self._limits.stream - len(output["text"]), self._room))
        head, rest = text[:fits], text[fits:]
        if head:
            self._room -= len(head)
            self._write_stream(index, output, head)
        if rest:
            self._cut(index, text, rest)

    def _write_stream(self, index: int, output: dict[str, Any], text: str) -> None:
        if OVERWRITES.search(text) or output["text"].endswith("\r"):
            output["text"] = joined(output["text"], text)
            self._touch(index, None)
        else:
            output["text"] += text
            self._touch(index, text)

    def _cut(self, index: int, text: str, rest: str) -> None:
        self._spill(text, shown_of_it=len(text) - len(rest))
        self._tails[index] = Tail(self._limits.stream // 4)
        self._tails[index].add(rest)

    def _display(self, kind: str, content: Mapping[str, Any]) -> None:
        output: dict[str, Any] = {
            "output_type": kind,
            "data": self._fitting(content.get("data", {})),
            "metadata": dict(content.get("metadata", {})),
        }
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        index = self._append(output)
        display_id = content.get("transient", {}).get("display_id")
        if display_id and index is not None:
            self._displays.add(display_id, self, index)

    def _fitting(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return `data` without the representations that are too large for a notebook."""
        fitting: dict[str, Any] = {}
        for mime, value in data.items():
            size = len(value) if isinstance(value, str) else len(json.dumps(value))
            if size <= self._limits.rich:
                fitting[mime] = value
            else:
                fitting["text/plain"] = f"[{mime} of {size} characters left out: too large]"
        return fitting

    def _append(self, output: dict[str, Any]) -> int | None:
        self._before_output()
        if not self._has_place(""):
            return None
        self._put(output)
        return len(self.outputs) - 1

    def _has_place(self, text: str) -> bool:
        if len(self.outputs) < self._limits.outputs:
            return True
        self._left_out += 1
        if text:
            self._spill(text, shown_of_it=0)
        return False

    def _spill(self, text: str, shown_of_it: int) -> None:
        """Open the spool with all text so far, `text` included, unless it is open already."""
        if self._spool is not None or self._open_spool is None:
            return
        shown = "".join(str(each.get("text", "")) for each in self.outputs)
        self._spool = self._open_spool()
        self._spool.write(shown[: len(shown) - shown_of_it] + text)

    def _put(self, output: dict[str, Any]) -> None:
        self.flush()
        self.outputs.append(output)
        self._emit(Append(dict(output)))

    def _before_output(self) -> None:
        if self._clear_with_next:
            self._clear()

    def _clear(self) -> None:
        self._clear_with_next = False
        self._dirty = None
        self._displays.forget(self)
        self._tails.clear()
        self._left_out = 0
        self._room = self._limits.total
        if self.outputs:
            self.outputs.clear()
            self._emit(Clear())

    def _touch(self, index: int, added: str | None) -> None:
        """Note a change of the stream at `index`, and hand it on at once or a little later."""
        if self._dirty is not None and self._dirty.index != index:
            self.flush()
        if self._dirty is None:
            self._dirty = _Dirty(index, [] if added is not None else None)
        if added is None:
            self._dirty.added = None
        elif self._dirty.added is not None:
            self._dirty.added.append(added)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._flushed_at + FLUSH_SECONDS - loop.time()
        if wait <= 0:
            self.flush()
        else:
            self._timer = loop.call_later(wait, self.flush)

    def _emit(self, change: OutputChange) -> None:
        if self._writer is not None:
            self._writer.change(change)
        if self._on_change is not None:
            self._on_change(change)


@dataclass(slots=True)
class _Dirty:
    """A stream that changed: by the texts added, or as a whole when None."""

    index: int
    added: list[str] | None


def error_output(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the output of an exception, its traceback as the kernel coloured it."""
    return {
        "output_type": "error",
        "ename": str(content.get("ename", "")),
        "evalue": str(content.get("evalue", "")),
        "traceback": [str(line) for line in content.get("traceback", [])],
    }
