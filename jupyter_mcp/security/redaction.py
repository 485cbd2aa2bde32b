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
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from jupyter_mcp.security.access_token import is_ours

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

FEW_FORMS = 40
"""Up to how many forms one search each is quicker than one pattern for all (measured at 2 KB)."""

_TOKEN = r"jmcp-(?:token|refresh|person)-[A-Za-z0-9_\-]{8,}"  # noqa: S105 - a pattern
_JWT = r"eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{2,}\.[A-Za-z0-9_\-]*"
_OURS = re.compile(f"{_TOKEN}|{_JWT}")


class Redactor:
    """Knows what must not be seen."""

    def __init__(self) -> None:
        self._values: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None
        self._marker = MARKER

    def learn(self, value: str, shortest: int = SHORTEST) -> None:
        """Take `value` out from now on, unless it is shorter than `shortest`."""
        if len(value) < shortest or value in self._values:
            return
        values = self._values | {value}
        forms = sorted({form for each in values for form in _forms(each)}, key=_longest_first)
        pattern = re.compile("|".join(map(re.escape, forms)))
        self._marker = OTHER_MARKER if any(form in MARKER for form in forms) else MARKER
        self._values, self._pattern, self._forms = values, pattern, tuple(forms)

    def is_clean(self, text: str) -> bool:
        """Return whether there is certainly nothing to take out of `text`: one quick look."""
        if "jmcp-" in text or "eyJ" in text:
            return False
        forms = self._forms
        if len(forms) > FEW_FORMS:
            return self._pattern is None or self._pattern.search(text) is None
        for form in forms:  # noqa: SIM110 - any() and a generator take twice as long
            if form in text:
                return False
        return True

    def text(self, text: str) -> str:
        """Return `text` without what must not be seen; the same object when there is nothing."""
        if self.is_clean(text):
            return text
        cleaned = _OURS.sub(self._ours, text)
        for _ in range(ROUNDS if self._pattern else 0):
            cleaned, count = self._pattern.subn(self._marker, cleaned)  # type: ignore[union-attr]
            if not count:
                break
        return text if cleaned == text else cleaned

    def clean(self, value: J) -> J:
        """Return JSON-like `value` redacted at any depth, keys too; itself when it is clean."""
        found: list[str] = []
        gather(value, found)
        if self.is_clean("\n".join(found)):
            return value
        cleaned: J = self._nested(value)
        return cleaned

    def _nested(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._nested(key): self._nested(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self._nested, value))
        return value

    def _ours(self, found: re.Match[str]) -> str:
        token = found.group()
        return self._marker if token.startswith("jmcp-") or is_ours(token) else token


def gather(value: Any, found: list[str]) -> None:
    """Add all strings of JSON-like `value` to `found`."""
    kind = type(value)
    if kind is str:
        found.append(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if type(key) is str:
                found.append(key)
            if type(item) is str:
                found.append(item)
            elif item is not None:
                gather(item, found)
    elif kind is list or kind is tuple:
        for item in value:
            gather(item, found)
    elif isinstance(value, str):
        found.append(str(value))


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
