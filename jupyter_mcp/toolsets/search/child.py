"""Starts processes of our own that stand beside the server.

Each is a program and not a fork or a process of `multiprocessing`, which would copy or import what
started it: a Jupyter server. It finds modules where the server does, goes behind it in the queue
for a processor, and does not hear Ctrl-C, which is for the server. It has to end by itself when
its input ends, which is when its parent ends, however that happens.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_PATH = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
_NICE = 5
"""Lets the server go first, so that its event loop does not wait for a turn."""


def start(
    program: str,
    *arguments: str,
    descriptors: Sequence[int] = (),
    stream: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a process.

    Args:
        program: Python; what is in `arguments` begins at ``sys.argv[2]``.
        *arguments: For the program.
        descriptors: Open files that it gets.
        stream: What standard input and output are: nothing, or pipes (`subprocess.PIPE`).

    Raises:
        OSError: It could not be started.
    """
    child = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-I", "-W", "ignore", "-c", _PATH + program, _path(), *arguments],
        stdin=stream,
        stdout=stream,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        pass_fds=descriptors,
    )
    with suppress(OSError):
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, child.pid, nice + _NICE)
    return child


def _path() -> str:
    """Return where modules are found, as the process sees it from another folder."""
    return json.dumps([_absolute(each) for each in sys.path])


def _absolute(entry: str) -> str:
    path = Path(entry)
    return str(path.absolute()) if path.exists() else entry  # some are names of import hooks
