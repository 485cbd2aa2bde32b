"""The same refusal again and again, told once and then counted.

A client in a loop may be refused thousands of times a second. The first refusal is told at once;
what follows is told as one number every few seconds, until it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

SECONDS = 10.0
"""How often a storm is told."""

STORMS = 1000
"""How many are told apart; further ones are only counted, as one."""


class Storms:
    """Refusals by what they are about.

    Args:
        tell: What to call with the details and a ``count``.
        seconds: How often.
    """

    def __init__(self, tell: Callable[..., None], seconds: float = SECONDS) -> None:
        self._tell = tell
        self._seconds = seconds
        self._counts: dict[tuple[str, ...], tuple[int, dict[str, Any]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def note(self, *about: str, **details: Any) -> None:
        """Tell the first refusal `about` this, and count further ones."""
        if about not in self._counts and len(self._counts) >= STORMS:
            about, details = (), {"reason": "many at once"}
        count, _ = self._counts.get(about, (-1, details))
        if count < 0:
            self._tell(**details, count=1)
        self._counts[about] = (count + 1, details)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._flush)

    def stop(self) -> None:
        """Tell what was counted and is not told yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell_counts()
        self._counts.clear()

    def _flush(self) -> None:
        self._timer = None
        self._counts = {about: (0, details) for about, details in self._tell_counts()}
        if self._counts:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._flush)

    def _tell_counts(self) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
        going_on = [(k, count, details) for k, (count, details) in self._counts.items() if count]
        for _, count, details in going_on:
            self._tell(**details, count=count)
        return [(about, details) for about, _, details in going_on]
