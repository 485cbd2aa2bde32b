"""A server of an ordinary account that makes a sandbox; begun as root, which it gives up first."""

from __future__ import annotations

import asyncio
import encodings.ascii
import encodings.idna
import encodings.latin_1
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.toolsets.sandboxes.backends import bubblewrap, kept
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Limits, SandboxSpec

ACCOUNT = 54321
CODE = """
import os, time
count = 0
try:
    while count < 100:
        if os.fork() == 0: time.sleep(100)
        count += 1
except OSError: pass
print(count)
try: bytearray(300 << 20); print('all')
except MemoryError: print('bounded')
print(open('/proc/self/status').read().split('CapEff:')[1].split()[0])
"""


async def main(state: Path) -> None:
    executor, tasks = Executor(2), Supervisor()
    backend = bubblewrap.BubblewrapBackend(Settings(), state, executor, tasks)
    print((await backend.probe()).limits["pids"])  # noqa: T201 - the test reads it
    limits = Limits(pids=40, memory=192 * MIB)
    handle = await backend.create(SandboxSpec("sb-1", "ann", "test", 2e9, 1e9, limits=limits))
    channel = await backend.channel(handle, ["python3", "-I", "-S", "-c", CODE])
    while data := await channel.read(1000):
        print(data.decode())  # noqa: T201 - likewise
    await channel.close()
    await backend.destroy(handle)
    await backend.stop()
    await tasks.stop()
    executor.stop()


kept.keeper_source()  # read while it can be
assert encodings.ascii
assert encodings.idna
assert encodings.latin_1
folder = Path(tempfile.mkdtemp())
try:
    child = os.fork()
    if child == 0:
        os.chown(folder, ACCOUNT, ACCOUNT)
        os.setgroups([])
        os.setgid(ACCOUNT)
        os.setuid(ACCOUNT)
        sys.executable, sys.prefix, sys.base_prefix = "/usr/bin/python3", "/usr", "/usr"
        asyncio.run(main(folder))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
finally:
    shutil.rmtree(folder)
