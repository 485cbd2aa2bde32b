"""Which hosts notifications may be sent to: the same for the check of a spec and for who sends."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

LONGEST = 253
"""Characters of the longest name that a host can have."""

REMEDY = "Let the administrator add it to c.JupyterMCP.workflow_webhook_hosts."


def host_of(url: str) -> str:
    """Return the host of an address, or the address where none can be seen in it."""
    try:
        return (urlsplit(url).hostname or url)[:LONGEST].lower()
    except ValueError:
        return url[:LONGEST].lower()


def is_listed(host: str, globs: Iterable[str]) -> bool:
    """Return whether a host is among those that the administrator has listed."""
    return any(fnmatchcase(host, each.lower()) for each in globs)


def refusal(host: str) -> str:
    """Return what is told of a host that is not listed."""
    return f"Notifications are not sent to '{host}'."
