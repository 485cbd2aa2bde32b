"""Attempts at subworkflows: what fails in one ends that attempt, and not the run.

Another attempt goes on from what was done: of a subworkflow only what has failed, and what waits
for it, is done again. Which attempt it is, until when it has time, and how often its tools have
said that they failed is noted, so that a crash gives no attempt and no second more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from jupyter_mcp.toolsets.workflows.engine.attempts import FINAL, delay_of
from jupyter_mcp.toolsets.workflows.engine.outcome import Outcome
from jupyter_mcp.toolsets.workflows.engine.running import Running


class Trial:
    """What ends when a node in it fails: the run, or an attempt that others may follow.

    Args:
        turn: The numbers of the attempts that this is, the outermost first.
        is_last: Whether no other attempt follows, so that a failure in it is one for good.
    """

    def __init__(self, turn: tuple[int, ...], *, is_last: bool) -> None:
        self.turn = turn
        self.is_last = is_last
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parts: list[Trial] = []

    def part(self, number: int) -> Trial:
        """Return an attempt within this one, which others may follow."""
        made = Trial((*self.turn, number), is_last=False)
        self._parts.append(made)
        if self.over.done():
            made.end()
        return made

    def follow(self, over: asyncio.Future[None]) -> None:
        """End when what is around it does."""
        if over.done():
            self.end()
        else:
            over.add_done_callback(lambda _: self.end())

    def end(self) -> None:
        """Let nothing new begin in it."""
        if not self.over.done():
            self.over.set_result(None)
            for part in self._parts:
                part.end()


@dataclass(slots=True)
class Attempts:
    """The attempts at one subworkflow.

    Args:
        running: The subworkflow.
        number: Which attempt it is.
        until: The Unix time at which this attempt has to have ended; None for no such time.
    """

    running: Running
    number: int = 1
    until: float | None = None

    @classmethod
    async def of(cls, running: Running) -> Self:
        """Return the attempts at a subworkflow, also where another worker has begun them."""
        made = cls(running)
        if running.work.timeout is None and running.work.retry.attempts == 1:
            return made
        noted = await running.memo() or {}
        for node, count in (noted.get("failures") or {}).items():
            running.failed[node] = max(running.failed[node], count)
        if noted.get("turn") == list(running.turn):
            made.number, made.until = noted["number"], noted["until"]
        else:
            await made._begin()
        return made

    @property
    def are_left(self) -> bool:
        """Whether there is another one after this."""
        return self.number < self.running.work.retry.attempts

    @property
    def seconds(self) -> float | None:
        """How long this attempt may still take; None for as long as it wants."""
        if self.until is None:
            return None
        return max(0.0, self.until - self.running.services.clock())

    def trial(self, around: Trial) -> Trial:
        """Return what ends when a node fails in this attempt: it alone, or all that is around."""
        return around.part(self.number) if self.are_left else around

    def follows(self, outcome: Outcome) -> bool:
        """Whether another attempt follows one that has ended so."""
        code = (outcome.error or {}).get("code")
        return outcome.status == "failed" and self.are_left and code not in FINAL

    @property
    def delay(self) -> float:
        """How many seconds after this attempt the next one begins."""
        return delay_of(self.running.work.retry, self.number)

    async def next(self) -> None:
        """Go on to the next attempt."""
        self.number += 1
        await self._begin()

    async def _begin(self) -> None:
        running = self.running
        seconds = running.work.timeout
        self.until = None if seconds is None else running.services.clock() + seconds
        await running.keep_memo(
            {
                "turn": list(running.turn),
                "number": self.number,
                "until": self.until,
                "failures": _within(running.failed, running.node),
            }
        )


def _within(failed: Counter[str], node: str) -> dict[str, Any]:
    """Return how often the tools of a subworkflow's nodes have failed."""
    return {each: count for each, count in failed.items() if each.startswith(f"{node}.")}
