"""The table of measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure.

    Args:
        name: What was measured.
        value: The figure.
        unit: Its unit; empty for a ratio or a count.
        bound: What it must not pass; None where it is only told.
        least: Whether the bound is the least that is asked for, not the most.
        note: What it was made from.
    """

    name: str
    value: float
    unit: str = ""
    bound: float | None = None
    least: bool = False
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the figure keeps its bound."""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.least else self.value <= self.bound

    def cells(self, *, judged: bool) -> tuple[str, str, str, str, str]:
        """Return the row as text."""
        sign = "≥" if self.least else "≤"
        bound = "" if self.bound is None else f"{sign} {self.bound:g}"
        verdict = "" if self.bound is None or not judged else ("ok" if self.holds else "MISSED")
        return self.name, f"{self.value:,.2f} {self.unit}".strip(), bound, verdict, self.note


def render(rows: list[Row], *, judged: bool) -> str:
    """Return the rows as an aligned table."""
    head = ("measure", "figure", "bound", "", "made from")
    lines = [head, *(row.cells(judged=judged) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text) + "\n"
