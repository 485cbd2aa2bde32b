"""What a run of cells tells while it goes on: the text of its outputs."""

from __future__ import annotations

from jupyter_mcp.printed.progress import Teller
from jupyter_mcp.toolsets.notebooks.model import Append, Extend, OutputChange, Replace


class RunTeller(Teller):
    """Tells changes of outputs."""

    def change(self, change: OutputChange) -> None:
        """Tell the text of a change of the outputs."""
        match change:
            case Extend(_, text):
                self.say(text)
            case Append(output) | Replace(_, output):
                text = output.get("text") or output.get("data", {}).get("text/plain", "")
                if isinstance(text, str) and text:
                    self.say(text if text.endswith("\n") else text + "\n")
