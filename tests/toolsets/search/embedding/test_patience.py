"""How often and how long a service is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mcp.toolsets.search.embedding import patience
from jupyter_mcp.toolsets.search.embedding.patience import Patience, RefusedError, is_passing


class Clock:
    """A time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Service:
    """What raises one error after the other and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "vectors"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    return clock


def busy(retry_after: str = "") -> RefusedError:
    return RefusedError(429, "slow down", retry_after)


def test_pauses_grow(clock: Clock) -> None:
    assert Patience().again(Service(busy(), busy(), busy())) == "vectors"
    assert len(clock.slept) == 3
    for pause, least in zip(clock.slept, (0.5, 1.0, 2.0), strict=True):
        assert least <= pause <= least * 1.25  # some chance, so that not all ask at once


@pytest.mark.parametrize(("asked", "least"), [("3", 3.0), ("0", 0.5), ("Sat, 1 Jan 2028", 0.5)])
def test_a_service_may_say_how_long_to_wait(clock: Clock, asked: str, least: float) -> None:
    assert Patience().again(Service(busy(asked))) == "vectors"
    assert least <= clock.slept[0] <= least * 1.25


def test_but_not_longer_than_anybody_waits(clock: Clock) -> None:
    with pytest.raises(RefusedError):
        Patience().again(Service(busy("3600")))
    assert clock.slept == []


def test_a_service_rests_after_it_failed_and_then_is_asked_again(clock: Clock) -> None:
    asked, service = Patience(), Service(busy())
    for _ in range(3):
        with pytest.raises(RefusedError, match="slow down"):
            asked.soon(service)
    assert service.asked == 1
    clock.now += patience.REST_SECONDS
    assert asked.soon(service) == "vectors"


@pytest.mark.usefixtures("clock")
def test_texts_that_go_through_end_the_rest() -> None:
    asked, service = Patience(), Service(busy())
    with pytest.raises(RefusedError):
        asked.soon(service)
    assert asked.again(service) == asked.soon(service) == "vectors"


@pytest.mark.usefixtures("clock")
def test_a_question_that_it_does_not_take_says_nothing_of_the_next() -> None:
    asked, service = Patience(), Service(RefusedError(400, "too long", ""))
    with pytest.raises(RefusedError):
        asked.soon(service)
    assert asked.soon(service) == "vectors"


class APIConnectionError(Exception):
    """As that of OpenAI's client: no `OSError`."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (busy(), True),
        (RefusedError(503, "", ""), True),
        (RefusedError(401, "", ""), False),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (APIConnectionError(), True),
        (ValueError("3 answers to 4 texts"), False),
    ],
)
def test_what_may_go_well_later(error: Exception, expected: bool) -> None:
    assert is_passing(error) is expected


def test_the_status_may_lie_in_the_answer() -> None:
    error: Any = Exception("refused")
    error.response = SimpleNamespace(status_code=502, headers={})
    assert is_passing(error)
