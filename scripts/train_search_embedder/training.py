"""Learns a vector for each word: a sentence shall lie nearer to its code than to any other's.

InfoNCE over the pairs of a batch in both directions, Adam on the rows that a batch touches.
numpy only, one thread, and the same table every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Bag(NamedTuple):
    """A text as rows of the table with their weights, each row once."""

    rows: NDArray[np.int32]
    weights: Floats


class Example(NamedTuple):
    """A sentence, its code, and which code it is: the same code is no wrong answer."""

    query: Bag
    code: Bag
    group: int


@dataclass(frozen=True)
class Recipe:
    """How it is learned.

    Args:
        dimensions: Of a vector.
        epochs: How often each pair is seen.
        batch: Pairs among which each sentence has to find its code.
        block: Neighbours that come together, since they are the hardest to tell apart.
        rate: The highest rate of learning.
        temperature: How much the nearest wrong answers count.
        seed: Of all chance.
        drop: Share of a text's words that are left out at random.
        most: Words of a text that are looked at, chosen at random.
    """

    dimensions: int = 256
    epochs: int = 3
    batch: int = 1024
    block: int = 16
    rate: float = 0.002
    temperature: float = 0.06
    seed: int = 5
    drop: float = 0.1
    most: int = 96


def train(
    examples: list[Example],
    start: Floats,
    recipe: Recipe,
    tell: Callable[[int, float, Floats], None],
) -> Floats:
    """Return the table that is learned.

    Args:
        examples: Neighbours are of one file, which makes them hard to tell apart.
        start: The table before.
        recipe: How.
        tell: Is told of each epoch: its number, the loss and the table.
    """
    table = start.copy()
    learner = _Adam(table)
    random = np.random.default_rng(recipe.seed)
    steps = recipe.epochs * (len(examples) // recipe.batch)
    step = 0
    for epoch in range(recipe.epochs):
        losses = []
        for batch in _batches(len(examples), recipe, random):
            rate = recipe.rate * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / steps)
            losses.append(_learn(table, learner, [examples[at] for at in batch], recipe, random))
            learner.apply(rate)
            step += 1
        tell(epoch, float(np.mean(losses)), table)
    return table


def _batches(
    count: int, recipe: Recipe, random: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    shift = int(random.integers(recipe.block))
    starts = np.arange(-shift, count, recipe.block)
    random.shuffle(starts)
    order = (starts[:, None] + np.arange(recipe.block)).ravel()
    order = order[(order >= 0) & (order < count)]
    for at in range(0, count - recipe.batch + 1, recipe.batch):
        yield order[at : at + recipe.batch]


def _learn(
    table: Floats, learner: _Adam, batch: list[Example], recipe: Recipe, random: np.random.Generator
) -> float:
    queries = [_thin(example.query, recipe, random) for example in batch]
    codes = [_thin(example.code, recipe, random) for example in batch]
    q, length_q = _unit(_embed(table, queries))
    c, length_c = _unit(_embed(table, codes))
    groups = np.array([example.group for example in batch])
    same = groups[:, None] == groups[None, :]
    forward, slope_q, slope_c = _contrast(q, c, same, recipe.temperature)
    backward, more_c, more_q = _contrast(c, q, same, recipe.temperature)
    slope_q += more_q
    slope_c += more_c
    learner.add(queries, _through_unit(slope_q, q, length_q))
    learner.add(codes, _through_unit(slope_c, c, length_c))
    return (forward + backward) / 2


def _contrast(
    asked: Floats, there: Floats, same: NDArray[np.bool_], temperature: float
) -> tuple[float, Floats, Floats]:
    """Return the loss of finding what is right, and its slopes for both sides."""
    own = np.arange(len(asked))
    logits = (asked @ there.T) / np.float32(temperature)
    kept = logits[own, own]
    logits[same] = -np.inf
    logits[own, own] = kept
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    slope = grown / grown.sum(axis=1, keepdims=True)
    loss = -float(np.log(slope[own, own] + 1e-9).mean())
    slope[own, own] -= 1
    slope *= np.float32(0.5 / (temperature * len(asked)))
    return loss, slope @ there, slope.T @ asked


def _thin(bag: Bag, recipe: Recipe, random: np.random.Generator) -> Bag:
    count = len(bag.rows)
    kept = random.random(count) > max(recipe.drop, 1 - recipe.most / max(count, 1))
    return Bag(bag.rows[kept], bag.weights[kept]) if kept.any() else bag


def _embed(table: Floats, bags: list[Bag]) -> Floats:
    found = np.zeros((len(bags), table.shape[1]), np.float32)
    for at, bag in enumerate(bags):
        np.matmul(bag.weights, table[bag.rows], out=found[at])
    return found


def _unit(vectors: Floats) -> tuple[Floats, Floats]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True) + np.float32(1e-6)
    return vectors / lengths, lengths


def _through_unit(slope: Floats, unit: Floats, lengths: Floats) -> Floats:
    return (slope - unit * (slope * unit).sum(axis=1, keepdims=True)) / lengths


class _Adam:
    """Keeps the moments of each row and moves only the rows that were touched."""

    def __init__(self, table: Floats) -> None:
        self._table = table
        self._slope = np.zeros_like(table)
        self._first = np.zeros_like(table)
        self._second = np.zeros_like(table)
        self._touched = np.zeros(len(table), bool)
        self._steps = 0

    def add(self, bags: list[Bag], slopes: Floats) -> None:
        """Add the slopes of some texts to those of their words."""
        for bag, slope in zip(bags, slopes, strict=True):
            self._slope[bag.rows] += bag.weights[:, None] * slope
            self._touched[bag.rows] = True

    def apply(self, rate: float) -> None:
        """Move the rows that slopes were added to."""
        self._steps += 1
        rows = np.flatnonzero(self._touched)
        slope = self._slope[rows]
        first = self._first[rows] * np.float32(0.9) + slope * np.float32(0.1)
        second = self._second[rows] * np.float32(0.999) + slope * slope * np.float32(0.001)
        self._first[rows], self._second[rows] = first, second
        shift = np.float32(rate * np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps))
        self._table[rows] -= shift * first / (np.sqrt(second) + np.float32(1e-9))
        self._slope[rows] = 0
        self._touched[rows] = False
