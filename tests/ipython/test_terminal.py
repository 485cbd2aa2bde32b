"""Plain IPython in a terminal: no server, no kernel, the same magics."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil


def typed(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Type lines into IPython, then leave."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JPY_")}
    names = ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    command = ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"]
    return subprocess.run(
        [sys.executable, *command],
        input="\n".join(["%load_ext jupyter_mcp", *lines, "exit", ""]),
        text=True,
        capture_output=True,
        cwd=folder,
        env=kept | {name: str(folder / name) for name in names},
        timeout=90,
        check=True,
    )


def test_magics_in_a_terminal(tmp_path: Path) -> None:
    done = typed(tmp_path, "%mcp kernel_start", "%mcp kernel_execute nope=1", "%mcp kernel_list")
    told = done.stdout
    assert told.count("No Jupyter server with the extension here") == 1
    assert "'kernel_execute' has no argument 'nope'" in told
    assert "Traceback" not in told + done.stderr
    assert "lost" not in told + done.stderr
    started = re.findall(r'"kernel_id": ?"([0-9a-f-]{36})"', told)
    assert len(started) >= 2
    assert len(set(started)) == 1
    left = [p for p in psutil.process_iter(["cmdline"]) if started[0] in str(p.info["cmdline"])]
    assert not left


def test_progress_in_a_terminal(tmp_path: Path) -> None:
    done = typed(
        tmp_path,
        "%config McpMagics.progress_after = 0.1",
        "%mcp notebook_create path=a.ipynb",
        "%mcp kernel_execute path=a.ipynb code=\"import time; print('late', time.sleep(1))\"",
    )
    assert re.search(r"kernel_execute \d+ s", done.stderr)
    assert re.search(r"kernel_execute \d+\.\d s +\n", done.stderr)
    assert "late None" in done.stdout
