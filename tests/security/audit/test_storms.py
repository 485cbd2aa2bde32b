from __future__ import annotations

from typing import Any

from jupyter_mcp.security.audit.storms import EACH, SOURCES, Storms
from support.clock import Clock


def storms() -> tuple[Storms, list[tuple[str, dict[str, Any]]], Clock]:
    told: list[tuple[str, dict[str, Any]]] = []
    clock = Clock()

    def tell(kind: str, /, **details: Any) -> None:
        told.append((kind, details))

    return Storms(tell, clock), told, clock


def test_few_are_told_one_by_one() -> None:
    made, told, _clock = storms()
    for number in range(EACH):
        made.note("login_failed", {"client": str(number)})
    made.settle(everything=True)
    assert told == [("login_failed", {"client": str(n)}) for n in range(EACH)]


def test_a_storm_is_summed_up_when_its_minute_is_over() -> None:
    made, told, clock = storms()
    for number in range(EACH + 100):
        made.note("login_failed", {"client": f"c{number % 3}"})
    assert made.busy
    made.settle()
    assert len(told) == EACH
    clock.now += 60
    made.settle()
    kind, details = told[-1]
    assert kind == "login_failed"
    assert (details["count"], details["began"], details["ended"]) == (100, 1000.0, 1060.0)
    assert sum(details["sources"].values()) == 100
    assert not made.busy


def test_a_storm_of_many_sources_stays_small() -> None:
    made, told, clock = storms()
    for number in range(10_000):
        made.note("login_failed", {"client": f"c{number}"})
    clock.now += 60
    made.note("login_failed", {"client": "next"})
    assert len(told) == EACH + 2
    sources = told[EACH][1]["sources"]
    assert sources["(others)"] == 10_000 - EACH - SOURCES
    assert len(sources) <= 10


def test_kinds_do_not_hide_each_other() -> None:
    made, told, _clock = storms()
    for _ in range(500):
        made.note("login_failed", {})
    made.note("token_reused", {"token": "f"})
    assert told[-1] == ("token_reused", {"token": "f"})
