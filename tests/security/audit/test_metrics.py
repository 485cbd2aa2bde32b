from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import REGISTRY, generate_latest

from jupyter_mcp.security.audit.metrics import OTHER, Metrics, series
from jupyter_mcp.security.signals import Signals


class Waiting:
    def __init__(self, backlog: int) -> None:
        self.backlog = backlog


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_calls_signals_and_records_are_counted_for_all_runtimes_of_the_process() -> None:
    signals, waiting = Signals(), (Waiting(2), Waiting(3))
    one, other = Metrics(signals), Metrics(Signals())
    before = value("mcp_audit_backlog")
    one.start(waiting[0])
    other.start(waiting[1])
    for metrics in (one, other):
        metrics.call("metrics_t", "denied", 0.3)
    seconds = value("mcp_call_seconds_count")
    one.call("metrics_t", "succeeded", 0.01)
    signals.note("token_reused")
    records = value("mcp_audit_records_total")
    one.written(5)
    hits = value("mcp_cache_total", outcome="hit")
    one.breaker("metrics_t", "open")
    one.cached("hit")
    assert value("mcp_breaker_transitions_total", tool="metrics_t", state="open") == 1
    assert value("mcp_cache_total", outcome="hit") == hits + 1
    assert value("mcp_calls_total", tool="metrics_t", outcome="denied") == 2
    assert value("mcp_call_seconds_count") == seconds + 1
    assert value("mcp_security_signals_total", kind="token_reused") >= 1
    assert value("mcp_audit_records_total") == records + 5
    assert value("mcp_audit_backlog") == before + 5
    assert b'mcp_calls_total{outcome="denied",tool="metrics_t"} 2.0' in generate_latest()


def test_nothing_is_counted_before_the_start() -> None:
    signals = Signals()
    metrics = Metrics(signals)
    metrics.call("metrics_early", "succeeded", 0.1)
    metrics.written(1)
    signals.note("login_failed")
    assert value("mcp_calls_total", tool="metrics_early", outcome="succeeded") == 0


def test_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, waiting = Metrics(Signals()), Waiting(0)
    metrics.start(waiting)
    monkeypatch.setattr("jupyter_mcp.security.audit.metrics.TOOLS", len(series().tools) + 1)
    others = value("mcp_calls_total", tool=OTHER, outcome="failed")
    for number in range(5):
        metrics.call(f"metrics_{number}", "failed", 0.1)
    assert value("mcp_calls_total", tool="metrics_0", outcome="failed") == 1
    assert value("mcp_calls_total", tool=OTHER, outcome="failed") == others + 4


def test_the_library_is_not_loaded_with_the_module() -> None:
    code = "import sys, jupyter_mcp.security.trust; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
