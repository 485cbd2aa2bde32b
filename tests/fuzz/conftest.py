"""The arena that the fuzz tests share, and the count of their cases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.arena import Arena
from support.arena import arena as open_arena
from support.fuzzing import ran

BEGAN = time.monotonic()


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """A runtime with its endpoint."""
    with open_arena(tmp_path_factory.mktemp("arena")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _count(record_property: Callable[[str, Any], None]) -> Iterator[None]:
    """Leave the number of cases in the test's report, also from xdist's workers."""
    before = ran.total()
    yield
    record_property("cases", ran.total() - before)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many cases ran and how many properties did not hold."""
    reports = [
        report
        for found in terminalreporter.stats.values()
        for report in found
        if getattr(report, "when", "") == "teardown" or getattr(report, "failed", False)
    ]
    cases = sum(
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "cases" and report.when == "teardown"
    )
    failed = {report.nodeid for report in reports if report.failed}
    if cases:
        seconds = time.monotonic() - BEGAN
        line = f"fuzz: {cases:,} cases, {len(failed)} with an unhandled exception or a wrong answer"
        terminalreporter.write_line(f"{line}, {seconds:.0f} s", bold=True)
