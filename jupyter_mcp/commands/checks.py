"""What a check of the doctor says: one line, and one more on how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Args:
        name: What was looked at.
        status: ``ok``, ``warn`` (something optional is missing) or ``fail``.
        message: What was found.
        remedy: How to mend it; empty when there is nothing to mend.
    """

    name: str
    status: Status
    message: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the check for programs."""
        return {
            "name": self.name,
            "status": self.status,
            "message": self.message,
            "remedy": self.remedy,
        }


def ok(name: str, message: str) -> Check:
    """Return a finding with nothing to mend."""
    return Check(name, "ok", message)


def warn(name: str, message: str, remedy: str) -> Check:
    """Return a finding on something optional."""
    return Check(name, "warn", message, remedy)


def fail(name: str, message: str, remedy: str) -> Check:
    """Return a finding that keeps the extension from working."""
    return Check(name, "fail", message, remedy)
