"""A server that makes a running and a paused sandbox and waits until somebody kills it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from support.benches import Bench, make_backend

WORK = (
    "import os, sys, time\n"
    "open('who', 'w').write(sys.argv[1])\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0: print('up', flush=True)\n"
    "time.sleep(600)\n"
)


async def main() -> None:
    name, state, namespace = sys.argv[1:]
    settings = Settings(sandbox_min_isolation="process")
    executor, tasks = Executor(4), Supervisor()
    backend = make_backend(name, settings, Path(state), executor, tasks)
    bench = Bench(backend, Path(state), namespace, settings, executor, tasks)
    for number in range(2):
        handle = await bench.create(number)
        channel = await bench.start(handle, WORK, str(number))
        assert await channel.read(10) == b"up\n"
        if number == 1:
            await backend.pause(handle)
    print("up", flush=True)  # noqa: T201 - the test waits for it
    await asyncio.Event().wait()


asyncio.run(main())
