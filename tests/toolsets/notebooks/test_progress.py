"""Progress of a run."""

from __future__ import annotations

import asyncio

from jupyter_mcp.printed.progress import LONGEST
from jupyter_mcp.toolsets.notebooks.model import Append, Clear, Extend, Replace
from jupyter_mcp.toolsets.notebooks.progress import RunTeller
from support.kernels import until


async def test_lines_are_gathered_and_numbers_grow() -> None:
    told: list[tuple[float, float | None, str]] = []

    async def send(done: float, total: float | None, message: str) -> None:
        told.append((done, total, message))

    async with RunTeller(send) as teller:
        teller.change(Append({"output_type": "stream", "text": "\x1b[31mfirst\x1b[0m\n"}))
        await until(lambda: len(told) == 1)
        for number in range(1000):
            teller.change(Extend(0, f"line {number}\n"))
        teller.change(Replace(0, {"output_type": "display_data", "data": {"text/plain": "shown"}}))
        teller.change(Clear())
        await until(lambda: len(told) == 2)
    assert told[0] == (1, None, "first")
    assert told[1][2].endswith("line 999\nshown")
    assert len(told[1][2]) <= LONGEST
    assert told[1][0] > told[0][0]


async def test_a_client_that_went_away_does_no_harm() -> None:
    async def send(done: float, total: float | None, message: str) -> None:
        raise ConnectionError(f"{done} {total} {message}")

    async with RunTeller(send) as teller:
        teller.say("lost")
        await asyncio.sleep(0)
        teller.say("lost again")
