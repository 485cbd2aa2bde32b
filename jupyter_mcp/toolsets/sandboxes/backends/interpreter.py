"""The Python that runs in sandboxes on the host's own programs: this server's environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

PARTS = ("bin", "lib", "lib64", "include", "pyvenv.cfg")
"""Of an environment only these are lent: others, such as ``etc`` or ``share/jupyter``, may hold
settings and state of Jupyter."""
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that a sandbox can run.

    Args:
        program: Its path.
        lent: Files and folders outside of the system's that it needs.
        path: The search path for programs.
    """

    program: str
    lent: tuple[str, ...]
    path: str


def interpreter() -> Interpreter:
    """Return this server's own Python and what it needs to run elsewhere."""
    lent: dict[str, None] = {}
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix, *_linked())):
        if Path(prefix) not in (Path("/usr"), Path("/")):
            found = (os.path.join(prefix, part) for part in PARTS)  # noqa: PTH118 - see below
            # Path.exists raises for a folder of somebody else's
            lent.update(dict.fromkeys(each for each in found if os.path.exists(each)))  # noqa: PTH110
    program = Path(sys.prefix, "bin", "python3")
    if not os.access(program, os.X_OK):
        program = Path(sys.executable)
    own = [] if program.parent == Path("/usr/bin") else [str(program.parent)]
    return Interpreter(str(program), tuple(lent), ":".join([*own, SYSTEM_PATH]))


def _linked() -> list[str]:
    """Return the prefix of the program that a virtual environment's link leads to at last."""
    return [str(Path(os.path.realpath(sys.executable)).parent.parent)]
