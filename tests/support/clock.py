"""A clock that a test moves, for whatever asks for the time by a parameter."""

from __future__ import annotations


class Clock:
    """A time that stands still until a test moves it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now
