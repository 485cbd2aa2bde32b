"""Runs in a sandbox: makes ready for a Jupyter kernel there, and becomes it.

Its text is sent by ``python3 -c``; the image needs ipykernel and nothing of ours. The key that
signs messages comes by stdin and is kept in a file that only the sandbox's user reads: no argument
and no variable has it. What it answers is one line of JSON: the ports, or what is missing.
"""

import contextlib
import importlib.util
import json
import os
import socket
import sys
import tempfile

CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
LOOPBACK = "127.0.0.1"


def main() -> None:
    """Read the connection, answer with ports, and go on as the kernel."""
    connection = json.loads(sys.stdin.readline())
    if importlib.util.find_spec("ipykernel") is None:
        answer({"missing": "ipykernel"})
        return
    ports = free_ports()
    file = tempfile.mkdtemp(prefix="jupyter-mcp-kernel-") + "/connection.json"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump({**connection, **ports, "ip": LOOPBACK, "transport": "tcp"}, opened)
    answer({"ports": ports})
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", "-f", file])  # noqa: S606 - it becomes the kernel


def free_ports() -> "dict[str, int]":
    """Return a port for each channel that nothing listens on."""
    with contextlib.ExitStack() as held:
        ports = {}
        for channel in CHANNELS:
            listener = held.enter_context(socket.socket())
            listener.bind((LOOPBACK, 0))
            ports[channel + "_port"] = listener.getsockname()[1]
        return ports


def answer(value: "dict[str, object]") -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
