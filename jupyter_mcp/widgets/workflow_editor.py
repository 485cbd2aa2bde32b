"""A simple editor of workflows in a notebook: forms with the YAML beside them.

The page keeps text and forms in step; the kernel's side asks the server whether the text is right,
starts it, and writes the file it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.widgets.background import Caller
from jupyter_mcp.widgets.live_view import STATIC
from jupyter_mcp.widgets.workflow_view import WorkflowView

EMPTY = """\
name: my workflow
nodes:
  - id: first
    kind: processing
    expression: 6 * 7
"""
"""What an editor begins with."""


class WorkflowEditor(WorkflowView):
    """An editor of a workflow's spec, and the view of what was started with it.

    Args:
        client: Calls the tools.
        text: The spec in YAML.
        file: The file that it is saved to; None for none.
    """

    _esm = STATIC / "workflow-editor.js"
    _css = STATIC / "workflow-editor.css"

    def __init__(self, client: Caller, text: str = EMPTY, file: Path | None = None) -> None:
        self.text = text
        self._file = file
        self._saved = text if file is None else _text_of(file)
        super().__init__(client, "")
        self.status = f"editing {file}" if file else "editing; it is saved nowhere yet"

    def _receive(self, widget: Any, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        match message:
            case {"kind": "ready"}:
                self.send(
                    {
                        "kind": "open",
                        "text": self.text,
                        "saved": self._saved,
                        "schema": _schema(),
                        "file": str(self._file or ""),
                    }
                )
            case {"kind": "text", "text": str(text)}:
                self.text = text
        super()._receive(widget, message, buffers)

    def _look(self) -> bool:
        return bool(self.workflow_id) and super()._look()

    def _asked(self, tool: str, given: Mapping[str, Any]) -> Any:
        match tool:
            case "save" if self._file is not None:
                self._save(self._file, str(given.get("text")))
                return None
            case "workflow_check":
                return self._client.call(tool, spec=given.get("spec"))
            case "workflow_start":
                parameters = given.get("parameters") or {}
                return self._client.call(tool, spec=given.get("spec"), parameters=parameters)
            case _:
                return super()._asked(tool, given)

    def _save(self, file: Path, text: str) -> None:
        """Write the file, unless somebody else has since this editor has read or written it."""
        self.text = text
        there = _text_of(file)
        if there not in ("", self._saved):
            self._saved = there  # who saves again wants it so
            raise ToolError(
                "conflict",
                f"'{file}' has been changed by somebody else; it was not saved.",
                "Save again to write over that.",
            )
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ToolError("failed", f"It was not saved: {error.strerror}.") from None
        self._saved = text


def _text_of(file: Path) -> str:
    """Return what a file has; nothing where it is not there yet."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _schema() -> dict[str, Any]:
    from jupyter_mcp.toolsets.workflows.spec.schema import json_schema

    return json_schema()
