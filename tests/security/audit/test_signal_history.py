from __future__ import annotations

from jupyter_mcp.security.audit.signal_history import SignalHistory
from jupyter_mcp.security.signals import Signals


def test_the_last_hour_is_kept_and_no_more() -> None:
    now = 600_000.0
    signals = Signals()
    history = SignalHistory(signals, clock=lambda: now)
    signals.note("login_failed")
    now += 59 * 60
    signals.note("login_failed")
    signals.note("call_denied")
    assert history.last(1) == {"login_failed": 1, "call_denied": 1}
    assert history.last(60) == {"login_failed": 2, "call_denied": 1}
    now += 60
    assert history.last(1) == {}
    assert history.last(60) == {"login_failed": 1, "call_denied": 1}
    for _ in range(200):
        now += 60
        signals.note("rate_limited")
    assert history.last(60) == {"rate_limited": 60}
    assert len(history._minutes) <= 61
