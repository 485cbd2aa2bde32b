"""Whether a folder of Chroma's can be opened without ending the process.

Chroma writes its graph in place. Measured with 1.5.9: after ``kill -9`` at a bad moment one of ten
opens ended in a segmentation fault, which would take the whole server along. So a seal lies beside
the graph whenever nothing is being written: the sizes and times of its files. Where the seal is
missing or does not fit, a process of its own opens the folder first, and may crash.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

SEAL = "sealed.json"
TRIAL_SECONDS = 120


def seal(folder: Path) -> None:
    """Note that nothing is being written."""
    (folder / SEAL).write_text(json.dumps(_graph(folder)), encoding="utf-8")


def unseal(folder: Path) -> None:
    """Note that something is about to be written."""
    (folder / SEAL).unlink(missing_ok=True)


def room(folder: Path) -> int:
    """Return the bytes that the graph takes."""
    return sum(size for size, _ in _graph(folder).values())


def ensure_sound(folder: Path, collection: str) -> None:
    """Return when a folder can be opened.

    Raises:
        ToolError: ``corrupt`` when it cannot.
    """
    database = folder / "chroma.sqlite3"
    if not database.exists() or not database.stat().st_size:
        if _graph(folder):
            raise _unsound(folder, "its database is gone")
        return
    if _is_sealed(folder):
        return
    command = [sys.executable, "-m", f"{__package__}.trial", str(folder.resolve()), collection]
    try:
        trial = subprocess.run(  # noqa: S603 - our own module with a folder of ours
            command, cwd=folder, capture_output=True, timeout=TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unsound(folder, type(error).__name__) from error
    if trial.returncode:
        told = trial.stderr.decode(errors="replace").strip().splitlines()
        raise _unsound(folder, told[-1][:200] if told else f"exit {trial.returncode}")


def _is_sealed(folder: Path) -> bool:
    try:
        sealed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(sealed == _graph(folder))


def _graph(folder: Path) -> dict[str, list[int]]:
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    stats = {path.relative_to(folder).as_posix(): path.stat() for path in files}
    return {name: [found.st_size, found.st_mtime_ns] for name, found in stats.items()}


def _unsound(folder: Path, reason: str) -> ToolError:
    return ToolError(
        "corrupt",
        f"The vectors in {folder} were not written to the end ({reason}).",
        "They are made anew from the files; the old folder is kept aside.",
    )
