"""What an evaluation may cost at most, estimated before it starts.

The CEL library ends an evaluation after 10,000 rounds of its macros, and no sooner; until then
texts can double with each macro, and ``map`` and ``filter`` copy their list in each round. Nothing
frees memory before the end. So the tree is gone through with the sizes of the real values, and the
upper bound of what would be written is compared with a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.toolsets.workflows.spec.syntax import (
    Constant,
    Function,
    Items,
    Loop,
    Name,
    Path,
    Select,
    Tree,
    path_of,
)

BUDGET = 128 << 20
"""Bytes that an evaluation may write; a ``map`` of 2,800 elements takes as many."""
ROUNDS = 10_000
CELL = 32
"""Bytes of a value in a list (measured: 1.6 GB for 10,000 rounds)."""

_FREE = frozenset({"_[_]", "size", "_&&_", "_||_", "!_", "@not_strictly_false", "has"})


@dataclass(frozen=True, slots=True)
class Size:
    """How large a value is at most.

    Args:
        total: Bytes of all of it.
        count: Elements, if it is a list or a map.
        part: Bytes of its largest element.
    """

    total: int
    count: int = 0
    part: int = 0


ONE = Size(CELL)


def measured(value: Any) -> Size:
    """Return the size of JSON data."""
    if isinstance(value, str):
        return Size(CELL + len(value))
    if isinstance(value, Mapping):
        keys = sum(CELL + len(key) for key in value)
        parts = [measured(inner).total for inner in value.values()]
        longest = max(map(len, value), default=0)
        most = max([CELL + longest, *parts])
        return Size(CELL + keys + sum(parts), len(parts), most)
    if isinstance(value, list | tuple):
        parts = [measured(inner).total for inner in value]
        return Size(CELL + sum(parts), len(parts), max(parts, default=0))
    return ONE


def cost(tree: Tree, values: Mapping[str, Any]) -> int:
    """Return the bytes that the evaluation of a tree and its result may take at most.

    Args:
        tree: The expression.
        values: JSON data by variable.
    """
    estimate = _Estimate(values)
    size, spent = estimate.of(tree, {})
    return size.total + spent


class _Estimate:
    """Goes through a tree; what was measured once is remembered."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._measured: dict[Path, Size] = {}

    def of(self, tree: Tree, local: Mapping[str, Size]) -> tuple[Size, int]:
        """Return the size of a result and what it costs to make it."""
        path = path_of(tree)
        if path is not None and path[0] not in local:
            return self._given(path), 0
        if isinstance(tree, Constant | Name):
            return _leaf(tree, local), 0
        if isinstance(tree, Select):
            inner, spent = self.of(tree.operand, local)
            return _part(inner), spent
        if isinstance(tree, Items):
            return self._items(tree, local)
        if isinstance(tree, Loop):
            return self._loop(tree, local)
        return self._function(tree, local)

    def _given(self, path: Path) -> Size:
        if path not in self._measured:
            value: Any = self._values
            for key in path:
                try:
                    value = value[key]
                except (LookupError, TypeError):
                    value = None
                    break
            self._measured[path] = measured(value)
        return self._measured[path]

    def _items(self, tree: Items, local: Mapping[str, Size]) -> tuple[Size, int]:
        found = [self.of(item, local) for item in tree.items]
        totals = [size.total for size, _ in found]
        size = Size(CELL + sum(totals), len(totals), max(totals, default=0))
        return size, CELL * (1 + len(totals)) + sum(spent for _, spent in found)

    def _function(self, tree: Function, local: Mapping[str, Size]) -> tuple[Size, int]:
        found = [self.of(argument, local) for argument in tree.arguments]
        sizes = [size for size, _ in found]
        spent = sum(each for _, each in found)
        if tree.name == "_?_:_":
            return _larger(*sizes[1:]), spent
        if tree.name == "_[_]":
            return _part(sizes[0]), spent
        total = sum(size.total for size in sizes)
        if tree.name in _FREE:
            return ONE, spent
        if tree.name == "_+_":
            count, part = sum(size.count for size in sizes), max(size.part for size in sizes)
            return Size(total, count, part), spent + total
        if tree.name in {"string", "bytes"}:
            return Size(4 * total), spent + 4 * total
        return ONE if tree.name != "dyn" else sizes[0], spent + total

    def _loop(self, tree: Loop, local: Mapping[str, Size]) -> tuple[Size, int]:
        over, spent = self.of(tree.over, local)
        rounds = min(over.count, ROUNDS)
        start, more = self.of(tree.start, local)
        element = Size(over.part, over.part // CELL, over.part)
        inside = {**local, **dict.fromkeys(tree.variables, element), tree.result_name: Size(0)}
        step, each = self.of(tree.step, inside)
        asked = self.of(tree.condition, inside)[1]
        end = Size(start.total + rounds * step.total, start.count + rounds * step.count, step.part)
        copied = rounds * rounds // 2 * CELL * min(step.count, 1)
        result, last = self.of(tree.result, {**inside, tree.result_name: end})
        return result, spent + more + rounds * (each + asked) + copied + last


def _leaf(tree: Constant | Name, local: Mapping[str, Size]) -> Size:
    return local[tree.name] if isinstance(tree, Name) else Size(CELL + len(tree.text or ""))


def _part(size: Size) -> Size:
    return Size(size.part, size.part // CELL, size.part)


def _larger(first: Size, second: Size) -> Size:
    return Size(
        max(first.total, second.total),
        max(first.count, second.count),
        max(first.part, second.part),
    )
