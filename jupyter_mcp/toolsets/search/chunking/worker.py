"""What runs in a process that prepares files.

It is started as a program of its own and not by `multiprocessing`, which would import the program
that started it: a Jupyter server. Requests and answers are pickles with their length in front.
It ends when its standard input ends, which is when its parent ends, however that happens.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import struct
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.chunking.prepare import Job

HEADER = struct.Struct(">IQ")
"""The number of a request, and how many bytes follow."""

Request = tuple[int, bytes]


def main(limit: float) -> None:
    """Answer requests until there are no more.

    Args:
        limit: Seconds after which a request that does not end is ended with the process.
    """
    answers = _own_output()
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    # Trees of syntax are many small objects without cycles: looking for those costs a tenth.
    gc.disable()
    from jupyter_mcp.toolsets.search.chunking.prepare import prepare

    while True:
        number, data = requests.get()
        jobs: Sequence[Job] = pickle.loads(data)  # noqa: S301 - from our parent
        # Ends the process also when the parent is gone and the listening thread cannot run.
        signal.setitimer(signal.ITIMER_REAL, limit * 2)
        answer = pickle.dumps([prepare(job) for job in jobs], pickle.HIGHEST_PROTOCOL)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(HEADER.pack(number, len(answer)))
        answers.write(answer)
        answers.flush()
        gc.collect(0)


def _own_output() -> BinaryIO:
    """Keep what was standard output for answers, and send whatever else prints nowhere."""
    own = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(own, "wb")


def _listen(source: BinaryIO, requests: queue.SimpleQueue[Request]) -> None:
    while True:
        header = source.read(HEADER.size)
        if len(header) < HEADER.size:
            os._exit(0)
        number, size = HEADER.unpack(header)
        data = source.read(size)
        if len(data) < size:
            os._exit(0)
        requests.put((number, data))
