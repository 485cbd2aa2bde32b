"""Turns what happened into records of the audit: redacted, canonical, ready to be chained.

It runs in the database's thread. On the event loop a call leaves no more than a reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from jupyter_mcp.security.audit.arguments import Arguments, bounded
from jupyter_mcp.security.audit.chain import columns
from jupyter_mcp.security.canonical import canonical, sha256
from jupyter_mcp.security.principal import Principal

CALL = "call"
BEGAN = "call_began"
REMEMBERED = 1_000
"""Principals, and operations, of which is remembered what is told of them."""
LARGEST = 8_192
"""Characters of a call's arguments or of an event's details, as JSON; more is only hashed."""


class Cleaner(Protocol):
    """Takes known secrets out (`jupyter_mcp.security.secrets.redaction.Redactor`)."""

    def is_clean(self, text: str) -> bool:
        """Return whether there is certainly nothing to take out."""
        ...

    def clean(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return JSON without the secrets."""
        ...


class Began(NamedTuple):
    """A call that runs for so long that its end may never be recorded.

    Args:
        call: The call.
        arguments: Its arguments.
    """

    call: Any
    arguments: Mapping[str, Any]


class Ended(NamedTuple):
    """A call that ended, as the policy saw it.

    Args:
        call: The call (`jupyter_mcp.calls.call.Call`).
        arguments: Its arguments, which the call itself has let go by now.
        outcome: succeeded, failed, denied or cancelled.
        error: The code of the error; empty for none.
        seconds: How long it took.
    """

    call: Any
    arguments: Mapping[str, Any]
    outcome: str
    error: str
    seconds: float


class Happened(NamedTuple):
    """Something that is no call.

    Args:
        at: Unix time.
        kind: What happened.
        details: JSON-able facts.
    """

    at: float
    kind: str
    details: Mapping[str, Any]


Entry = Began | Ended | Happened


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record that can be written.

    Args:
        text: Its canonical JSON.
        columns: What is kept in columns too.
    """

    text: str
    columns: dict[str, Any]


class Recorder:
    """Makes records.

    Args:
        cleaner: Takes known secrets out.
    """

    def __init__(self, cleaner: Cleaner | None = None) -> None:
        self._cleaner = cleaner
        self._arguments = Arguments()
        self._principals = _Told(_principal)
        self._operations = _Told(_operation)

    def prepare(self, entry: Entry) -> Prepared:
        """Return the record of `entry`; one that cannot be told in full is told in short."""
        try:
            return self._prepared(self._record(entry))
        except Exception as error:  # noqa: BLE001 - an odd argument must not lose the record
            return self._prepared(_short(entry, type(error).__name__))

    def _prepared(self, record: dict[str, Any]) -> Prepared:
        text = canonical(record)
        if self._cleaner is not None and not self._cleaner.is_clean(text):
            record = self._cleaner.clean(record)
            text = canonical(record)
        return Prepared(text, columns(record))

    def _record(self, entry: Entry) -> dict[str, Any]:
        if isinstance(entry, Began):
            return self._of_call(entry, BEGAN)
        if isinstance(entry, Ended):
            return self._of_ended(entry)
        details = bounded(entry.details)
        known: dict[str, Any] = {
            name: str(details.pop(name))
            for name in ("principal", "client", "door", "operation", "outcome")
            if name in details
        }
        return {"at": entry.at, "kind": entry.kind, **known, "details": _small(details)}

    def _of_call(self, entry: Began | Ended, kind: str) -> dict[str, Any]:
        call, operation = entry.call, entry.call.operation
        record: dict[str, Any] = {
            "at": call.started,
            "kind": kind,
            "call": call.id,
            "principal": self._principals.of(call.principal),
            "client": call.client[:200],
            "door": call.door,
            "operation": self._operations.of(operation),
            "arguments": _small(self._arguments.redact(entry.arguments, operation.input_schema)),
        }
        if parent := getattr(call, "parent", ""):
            record["parent"] = parent
        if call.notes:
            record["notes"] = _small(bounded(call.notes))
        return record

    def _of_ended(self, entry: Ended) -> dict[str, Any]:
        record = self._of_call(entry, CALL)
        record |= {"outcome": entry.outcome, "seconds": round(entry.seconds, 6)}
        if entry.error:
            record["error"] = entry.error
        return record


class _Told:
    """Remembers what was told of the objects that come again and again."""

    def __init__(self, tell: Callable[[Any], dict[str, Any]]) -> None:
        self._tell = tell
        self._known: dict[int, tuple[Any, dict[str, Any]]] = {}

    def of(self, thing: Any) -> dict[str, Any]:
        """Return what is told of `thing`, which must not be changed."""
        known = self._known.get(id(thing))
        if known is not None and known[0] is thing:
            return known[1]
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        told = self._tell(thing)
        self._known[id(thing)] = (thing, told)
        return told


def _operation(operation: Any) -> dict[str, Any]:
    return {
        "kind": operation.kind,
        "name": operation.name,
        "toolset": operation.toolset,
        "scope": operation.scope,
    }


def _principal(principal: Principal) -> dict[str, Any]:
    record: dict[str, Any] = {"id": principal.id, "name": principal.name, "kind": principal.kind}
    if principal.token:
        record["token"] = principal.token
    if principal.credential:
        record["credential"] = principal.credential
    if principal.roles:
        record["roles"] = list(principal.roles)
    if principal.maker is not None:
        record["maker"] = principal.maker.id
    return record


def _small(values: dict[str, Any]) -> dict[str, Any]:
    if len(values) <= 4 and all(map(_is_short, values.values())):  # noqa: PLR2004 - cannot be too much
        return values
    text = json.dumps(values)
    if len(text) <= LARGEST:
        return values
    return {"length": len(text), "sha256": sha256(text)}


def _is_short(value: Any) -> bool:
    """Tell what is short for sure: texts were cut already, but a number may have any length."""
    kind = type(value)
    return kind is str or kind is bool or value is None or (kind is int and abs(value) < 1 << 63)


def _short(entry: Entry, problem: str) -> dict[str, Any]:
    if isinstance(entry, Happened):
        return {"at": entry.at, "kind": entry.kind, "unreadable": problem}
    call = entry.call
    return {
        "at": call.started,
        "kind": CALL if isinstance(entry, Ended) else BEGAN,
        "call": call.id,
        "principal": str(call.principal.id),
        "door": call.door,
        "operation": str(call.operation.name),
        "outcome": entry.outcome if isinstance(entry, Ended) else "",
        "unreadable": problem,
    }
