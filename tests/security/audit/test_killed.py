"""Kill -9 in the middle of writing loses at most the last interval, and breaks no chain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from support.audits import auditing

SECONDS = 0.2

WRITER = """
import asyncio, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.audits import auditing, ended

async def main():
    async with auditing(Path(sys.argv[1]), seconds=float(sys.argv[3])) as audit:
        for number in range(10**9):
            audit.append(ended({"text": str(number)}))
            print(number, time.time(), flush=True)
            await asyncio.sleep(0)

asyncio.run(main())
"""


def moment(line: str) -> float:
    return float(line.split()[1])


async def test_kill_loses_no_more_than_the_last_interval(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", WRITER, str(tmp_path), tests, str(SECONDS)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while moment(lines[-1]) < moment(lines[0]) + 6:
            lines.append(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        lines += [line for line in process.stdout if line.endswith("\n")]
    # The interval, and time for the transaction itself on a busy machine.
    safe = [line for line in lines if moment(line) < moment(lines[-1]) - SECONDS - 4.0]
    async with auditing(tmp_path) as audit:
        verdict = await audit.reader.verify()
        assert verdict.broken is None
        assert verdict.records >= len(safe) > 0
