"""Versions in their order (https://semver.org, 11)."""

from __future__ import annotations

from typing import Any

Order = tuple[Any, ...]


def order_of(version: str) -> Order:
    """Return what sorts a version: numbers by size, a pre-release before its release."""
    core, _, _build = version.partition("+")
    numbers, _, before = core.partition("-")
    parts = tuple(_part(each) for each in before.split(".")) if before else ()
    return (*(int(each) for each in numbers.split(".")), not before, parts)


def newest(versions: list[str]) -> str:
    """Return the newest version; a pre-release only where there is nothing else."""
    released = [each for each in versions if "-" not in each.partition("+")[0]]
    return max(released or versions, key=order_of)


def _part(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)
