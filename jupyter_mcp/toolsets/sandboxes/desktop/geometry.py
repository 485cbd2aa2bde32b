"""Coordinates of pictures and of the screen.

Models see pictures of at most 1280x800 well; a larger screen is shown scaled down, and what they
point at is scaled back, so that they never see two systems of coordinates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mcp.errors import ToolError

WIDEST, HIGHEST = 1280, 800
SMALLEST, LARGEST = 320, 4096
CORNERS = 4
ENLARGED = 4.0
"""How many times a small region is enlarged at most."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen and the pictures of it.

    Args:
        width: Pixels.
        height: Pixels.
    """

    width: int = WIDEST
    height: int = HIGHEST

    @classmethod
    def named(cls, text: str) -> Screen:
        """Return the screen that ``1920x1080`` means.

        Raises:
            ToolError: ``invalid_arguments``.
        """
        match = re.fullmatch(r"\s*(\d{1,5})\s*x\s*(\d{1,5})\s*", text, re.ASCII)
        sides = [int(side) for side in match.groups()] if match else [0]
        if not all(SMALLEST <= side <= LARGEST for side in sides):
            raise ToolError(
                "invalid_arguments",
                f"{text[:40]!r} is no size of a screen.",
                f'Give width and height from {SMALLEST} to {LARGEST}, such as "1280x800".',
            )
        return cls(*sides)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of pictures of the whole screen."""
        scale = min(1.0, WIDEST / self.width, HIGHEST / self.height)
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))

    def on_screen(self, point: Sequence[float]) -> tuple[int, int]:
        """Return the pixel of the screen that a point of the picture shows.

        Raises:
            ToolError: ``invalid_arguments`` outside of the picture.
        """
        width, height = self.shown
        if len(point) != 2 or not (0 <= point[0] < width and 0 <= point[1] < height):  # noqa: PLR2004
            raise self._outside("coordinate", point)
        x = int((point[0] + 0.5) * self.width / width)
        y = int((point[1] + 0.5) * self.height / height)
        return min(x, self.width - 1), min(y, self.height - 1)

    def in_picture(self, x: float, y: float) -> tuple[int, int]:
        """Return where the picture shows a pixel of the screen."""
        width, height = self.shown
        return int((x + 0.5) * width / self.width), int((y + 0.5) * height / self.height)

    def region(self, corners: Sequence[float]) -> tuple[list[int], list[int]]:
        """Return a part of the screen, and the size of the picture that shows it enlarged.

        Args:
            corners: Left, top, right and bottom in the picture; right and bottom are outside.

        Raises:
            ToolError: ``invalid_arguments`` for what is empty or outside.
        """
        width, height = self.shown
        if len(corners) != CORNERS:
            raise self._outside("region", corners)
        left, top, right, bottom = corners
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise self._outside("region", corners)
        x, y = self.width / width, self.height / height
        part = [int(left * x), int(top * y), round(right * x), round(bottom * y)]
        across, down = max(1, part[2] - part[0]), max(1, part[3] - part[1])
        part[2:] = [part[0] + across, part[1] + down]
        scale = min(ENLARGED, WIDEST / across, HIGHEST / down)
        return part, [max(1, round(across * scale)), max(1, round(down * scale))]

    def _outside(self, kind: str, point: Sequence[float]) -> ToolError:
        told = ", ".join(f"{value:g}" for value in list(point)[:CORNERS])
        width, height = self.shown
        form = "[left, top, right, bottom] with left < right" if kind == "region" else "[x, y]"
        return ToolError(
            "invalid_arguments",
            f"The {kind} [{told}] is not within the screen, which is {width}x{height}.",
            f"Give {form}, from 0 to {width - 1} across and 0 to {height - 1} down; "
            'action="screenshot" shows it.',
        )
