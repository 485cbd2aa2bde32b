"""The states of runs, as everybody sees them."""

from __future__ import annotations

from typing import Literal

RunStatus = Literal[
    "pending", "running", "waiting", "paused", "succeeded", "failed", "cancelled", "compensated"
]

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "compensated"})
"""The states that a run does not leave."""

RESTING: frozenset[str] = frozenset({"waiting", "paused"})
"""The states in which a run takes no place from others."""
