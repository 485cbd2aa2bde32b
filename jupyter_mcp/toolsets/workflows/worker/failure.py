"""Why the last worker of a state folder has ended, for the server that has started it.

A worker is nobody's child, so that its server sees neither its exit code nor what it prints. What
it cannot go on for it leaves in a file, and people who look at a run that waits are told.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security import private_file

FILE = "worker.failed"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a worker has ended.

    Args:
        at: Unix time.
        why: One line.
    """

    at: float
    why: str

    @classmethod
    def read(cls, state: Path, since: float = 0.0) -> Self | None:
        """Return what the last worker has left since a Unix time; None for nothing."""
        try:
            told = json.loads((state / FILE).read_bytes())
            found = cls(float(told["at"]), str(told["why"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return found if found.at >= since else None

    @staticmethod
    def clear(state: Path) -> None:
        """Forget what an earlier worker has left."""
        (state / FILE).unlink(missing_ok=True)

    @classmethod
    def leave(cls, state: Path, why: str) -> None:
        """Say why this worker ends."""
        private_file.replace(state / FILE, json.dumps(asdict(cls(time.time(), why))).encode())

    def told(self) -> ToolError:
        """Return what people are told."""
        remedy = "worker.log in the state folder says more."
        return ToolError("unavailable", f"The worker has ended: {self.why}", remedy)
