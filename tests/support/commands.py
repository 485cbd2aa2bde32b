"""Runs ``jupyter mcp`` as a user would: a process with the environment of a server's account."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.server import JupyterServer

SECONDS = 120


def command(*words: str) -> list[str]:
    """Return the command line of a subcommand."""
    return [str(Path(sys.executable).with_name("jupyter-mcp")), *words]


def run(
    server: JupyterServer,
    *words: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run a subcommand to its end."""
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=cwd or server.root,
        env={**server.environment, **(env or {})},
        stdin=subprocess.DEVNULL,
        check=False,
    )
