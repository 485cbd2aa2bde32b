"""Signs of an attack or of a mistake: counted, and told to whoever listens.

Whoever refuses something says so here, in one line. What becomes of it (metrics, events, the audit)
is decided by those who listen.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

_log = logging.getLogger(__name__)

SignalKind = Literal[
    "login_failed",
    "call_denied",
    "approval_denied",
    "tool_quarantined",
    "token_refused",
    "token_reused",
    "rate_limited",
    "injection_suspected",
    "access_ended",
    "audit_failed",
    "policy_refused",
]


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that whoever looks after the server may want to know.

    Args:
        kind: What happened.
        details: JSON-able facts, such as ``principal``, ``client``, ``operation`` and ``reason``;
            never a credential.
    """

    kind: SignalKind
    details: Mapping[str, Any] = field(default_factory=dict)


class Signals:
    """Counts signals and tells them on."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._listeners: list[Callable[[Signal], None]] = []

    def note(self, kind: SignalKind, **details: Any) -> None:
        """Count a signal and tell it to everybody who listens; never raises."""
        signal = Signal(kind, details)
        self.counts[kind] += 1
        for listener in self._listeners:
            try:
                listener(signal)
            except Exception:  # noqa: BLE001 - a bad listener must not turn a refusal into a failure
                _log.exception("A listener of security signals failed; the others go on.")

    def subscribe(self, listener: Callable[[Signal], None]) -> None:
        """Tell `listener` every signal from now on."""
        self._listeners.append(listener)
