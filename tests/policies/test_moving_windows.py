from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse_many

from jupyter_mcp.policies import moving_windows
from jupyter_mcp.policies.moving_windows import MemoryWindows, MovingWindows
from support.clock import Clock

WAITS = st.one_of(
    st.floats(0, 4, allow_nan=False), st.integers(0, 12).map(lambda quarters: quarters / 4)
)
"""Quarters too, so that hits meet the very edge of a window."""

STEPS = st.lists(st.tuples(st.sampled_from("ab"), WAITS), min_size=1, max_size=60)


class Naive:
    """All hits that were ever noted, counted anew each time."""

    def __init__(self) -> None:
        self.hits: list[tuple[str, float]] = []

    def hit(self, key: str, now: float, limits: list[tuple[int, int]]) -> bool:
        room = all(
            sum(k == key and at >= now - seconds for k, at in self.hits) < most
            for most, seconds in limits
        )
        if room:
            self.hits.append((key, now))
        return room


@given(STEPS, st.integers(1, 5), st.integers(1, 3))
def test_a_window_moves_exactly(steps: list[tuple[str, float]], most: int, seconds: int) -> None:
    clock, naive = Clock(), Naive()
    windows = MovingWindows(None, clock)
    limits = tuple(parse_many(f"{most} per {seconds} second"))

    async def walk() -> None:
        for key, wait in steps:
            clock.now += wait
            expected = naive.hit(key, clock.now, [(most, seconds)])
            found = await windows.hit(limits, key)
            assert (found is None) == expected
            if found is not None:
                oldest = min(at for k, at in naive.hits if k == key and at >= clock.now - seconds)
                assert found == pytest.approx(oldest + seconds - clock.now)

    asyncio.run(walk())


@given(STEPS)
def test_of_several_limits_all_need_room(steps: list[tuple[str, float]]) -> None:
    clock, naive = Clock(), Naive()
    windows = MovingWindows(None, clock)
    limits = tuple(parse_many("2/second; 5 per 10 second"))

    async def walk() -> None:
        for key, wait in steps:
            clock.now += wait
            expected = naive.hit(key, clock.now, [(2, 1), (5, 10)])
            assert (await windows.hit(limits, key) is None) == expected

    asyncio.run(walk())


async def test_what_was_just_as_long_ago_as_the_window_is_long_still_counts() -> None:
    clock = Clock()
    windows, limits = MovingWindows(None, clock), tuple(parse_many("1/second"))
    assert await windows.hit(limits, "a") is None
    clock.now += 1
    assert await windows.hit(limits, "a") == 0
    clock.now += 0.001
    assert await windows.hit(limits, "a") is None


async def test_the_wait_is_enough() -> None:
    clock = Clock()
    windows, limits = MovingWindows(None, clock), tuple(parse_many("1 per 7 second"))
    assert await windows.hit(limits, "a") is None
    clock.now += 2
    assert await windows.hit(limits, "a") == 5
    clock.now += 5.001
    assert await windows.hit(limits, "a") is None


async def test_a_limit_of_none_lets_nothing_through() -> None:
    windows = MovingWindows(None, Clock())
    assert await windows.hit(tuple(parse_many("0/minute")), "a") == 60


def test_memory_is_bounded_and_the_window_in_use_is_kept() -> None:
    memory = MemoryWindows(Clock(), hits=10)
    many, few = parse_many("100/minute"), parse_many("15/minute")
    for number in range(100):
        assert memory.hit(many, (f"k{number}",)) is None
    assert memory.hits == 10
    for _ in range(15):
        assert memory.hit(few, ("used",)) is None
    assert memory.hits == 15
    assert memory.hit(few, ("used",)) == 60


def test_hits_that_count_no_more_are_forgotten() -> None:
    clock = Clock()
    memory, limits = MemoryWindows(clock), parse_many("100/second")
    for _ in range(50):
        memory.hit(limits, ("a",))
    clock.now += 2
    memory.hit(limits, ("a",))
    assert memory.hits == 1


def test_who_is_refused_at_once_leaves_nothing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_windows, "WINDOWS", 10)
    memory, never = MemoryWindows(Clock()), parse_many("0/minute")
    for number in range(100):
        assert memory.hit(never, (f"k{number}",)) == 60
    assert memory.windows == 10
