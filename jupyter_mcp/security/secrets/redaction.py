"""Takes secrets out of whatever is about to be kept or sent.

What is taken out: every secret that this process got to know, as it is and as URLs, JSON and
base64 write it; tokens of ours; the tokens of the server itself. What is not: a secret that no code
here has read, one that is split (over lines of wrapped base64, over two progress messages), one
inside an image or other bytes, and values shorter than six characters, which occur by chance.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from jupyter_mcp.security.tokens.access_token import is_ours

J = TypeVar("J")

SHORTEST = 6
"""The fewest characters of a value that is looked for."""

SHORTEST_LINE = 20
"""The fewest characters of a line that is looked for by itself, as in a private key."""

MARKER = "[redacted]"
OTHER_MARKER = "[•••]"
"""Where a secret is part of the usual marker."""

ROUNDS = 4
"""How often a text is looked through: taking out one secret may put together another."""

_PLAIN = frozenset({int, float, bool, type(None)})
_TOKEN = r"jmcp-(?:token|refresh|person)-[A-Za-z0-9_\-]{8,}"  # noqa: S105 - a pattern
_OPAQUE = re.compile(_TOKEN)
_JWT_AFTER_HEADER = re.compile(r"\.(?=(eyJ[A-Za-z0-9_\-]{2,}+\.[A-Za-z0-9_\-]*))")
"""What follows the header of a JWT. A pattern that began with the header would look at the rest of
a long run of such characters once for each ``eyJ`` in it: seconds for a text of 100 KB."""
_RUN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_HEADER_LIMIT = 256


class Redactor:
    """Knows what must not be seen."""

    def __init__(self) -> None:
        self._values: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()
        self._marker = MARKER

    def learn(self, value: str, shortest: int = SHORTEST) -> None:
        """Take `value` out from now on, unless it is shorter than `shortest`."""
        if len(value) < shortest or value in self._values:
            return
        self._values |= {value}
        forms = sorted({form for each in self._values for form in _forms(each)}, key=_longest_first)
        self._marker = OTHER_MARKER if any(form in MARKER for form in forms) else MARKER
        self._forms = tuple(forms)

    def is_clean(self, text: str) -> bool:
        """Return whether there is certainly nothing to take out of `text`.

        One search for each form: all forms as one pattern take ten times as long (measured).
        """
        if "jmcp-" in text or "eyJ" in text:
            return False
        for form in self._forms:  # noqa: SIM110 - any() and a generator take twice as long
            if form in text:
                return False
        return True

    def text(self, text: str) -> str:
        """Return `text` without what must not be seen; the same object when there is nothing."""
        if self.is_clean(text):
            return text
        cleaned = self._without_jwts(_OPAQUE.sub(self._marker, text))
        for _ in range(ROUNDS):
            found = [form for form in self._forms if form in cleaned]
            if not found:
                break
            for form in found:
                cleaned = cleaned.replace(form, self._marker)
        return text if cleaned == text else cleaned

    def clean(self, value: J) -> J:
        """Return JSON-like `value` redacted at any depth, keys too; itself when it is clean."""
        found: list[str] = []
        gather(value, found)
        if self.is_clean("\n".join(found)):
            return value
        cleaned: J = self._nested(value)
        return value if cleaned == value else cleaned

    def _nested(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._nested(key): self._nested(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self._nested, value))
        return value

    def _without_jwts(self, text: str) -> str:
        """Return `text` without access tokens of ours; those of others may be data."""
        kept: list[str] = []
        done = 0
        for found in _JWT_AFTER_HEADER.finditer(text):
            before = text[max(done, found.start() - _HEADER_LIMIT) : found.start()]
            header = before[len(before.rstrip(_RUN)) :]
            for at in {header.find("eyJ"), header.rfind("eyJ")} - {-1}:
                if is_ours(f"{header[at:]}.{found[1]}"):
                    kept += [text[done : found.start() - len(header) + at], self._marker]
                    done = found.end(1)
                    break
        return "".join([*kept, text[done:]]) if kept else text


def gather(value: Any, found: list[str]) -> None:
    """Add all strings of JSON-like `value` to `found`."""
    kind = type(value)
    if kind is dict:
        found.extend(map(str, value))
        _gather_each(value.values(), found)
    elif kind is list or kind is tuple:
        _gather_each(value, found)
    elif isinstance(value, str):
        found.append(value)
    elif isinstance(value, Mapping):
        gather(dict(value), found)


def _gather_each(values: Iterable[Any], found: list[str]) -> None:
    for value in values:
        kind = type(value)
        if kind is str:
            found.append(value)
        elif kind not in _PLAIN:
            gather(value, found)


def _longest_first(form: str) -> tuple[int, str]:
    return -len(form), form


def _forms(value: str) -> Iterator[str]:
    escaped = json.dumps(value)[1:-1]
    quoted = {quote(value, safe="", errors="replace"), quote(value, errors="replace")}
    quoted.add(quote_plus(value, errors="replace"))
    yield from (value, escaped, json.dumps(escaped)[1:-1], repr(value)[1:-1])
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    for form in quoted:
        yield from (form, re.sub("%[0-9A-F]{2}", lambda code: code.group().lower(), form))
    yield from _base64_forms(value.encode("utf-8", "surrogatepass"))
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (each for each in lines if len(each) >= SHORTEST_LINE and each[:5] != "-----")


def _base64_forms(value: bytes) -> Iterator[str]:
    """Yield what base64 makes of `value` wherever it stands among other bytes (RFC 4648)."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value).decode()
        core = encoded[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
        yield from (core, core.translate({43: "-", 47: "_"}))
