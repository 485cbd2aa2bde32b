"""What hits of different scopes count beside each other.

Each scope has a measure of its own, so only the order in it says something. The best of each gets
what it counts beside the best of the project.
"""

from __future__ import annotations

from collections.abc import Sequence

FILES, VARIABLES, DOCS = 1.0, 0.95, 0.8


def weighed(scores: Sequence[float], weight: float) -> list[float]:
    """Return scores of one scope so that they can stand beside those of another."""
    most = max(scores, default=0.0)
    return [round(each / most * weight, 3) for each in scores] if most > 0 else list(scores)
