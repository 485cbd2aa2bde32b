"""Goes through the text of an index: a program of its own, so that it can be killed.

Python's ``re`` holds the interpreter lock and cannot be interrupted, so a pattern that never ends
would hold up everything. It is started as a file with ``python3 -I -S`` and imports nothing but
the standard library. On stdin it reads one JSON object: what to look for. On stdout it writes one
JSON array for each line that fits, and at last whether there is more.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

LINE = 400
"""Characters of a line that are told."""

_END = re.compile(r"\r\n?|\n")

_CHUNKS = "SELECT c.id, c.line, c.packed FROM chunks c WHERE c.file = ? {} ORDER BY c.ordinal"


def starts(pattern: str, *, is_regex: bool, ignores_case: bool) -> Callable[[str], Iterator[int]]:
    """Return what tells where in a text a pattern is found."""
    if is_regex:
        flags = re.MULTILINE | (re.IGNORECASE if ignores_case else 0)
        finditer = re.compile(pattern, flags).finditer
        return lambda text: (hit.start() for hit in finditer(text))

    def each(text: str) -> Iterator[int]:
        # Of all letters only İ is two in lower case, and then places behind it would be wrong.
        text = text.replace("İ", "i").lower() if ignores_case else text
        at = text.find(pattern)
        while at >= 0:
            yield at
            at = text.find(pattern, at + 1)

    return each


def lines(text: str, found: Iterator[int]) -> Iterator[tuple[int, str]]:
    """Return each line of `text` in which something starts, once, with its number from 0.

    Lines end as `Lines` counts them: with a line feed, a carriage return or both.
    """
    begins: list[int] = []
    last = -1
    for at in found:
        begins = begins or [0, *(end.end() for end in _END.finditer(text))]
        number = bisect_right(begins, at) - 1
        if number != last:
            first = begins[number]
            end = begins[number + 1] if number + 1 < len(begins) else len(text)
            whole = text[first:end].rstrip("\r\n")
            start = max(0, at - first - LINE // 2) if len(whole) > LINE else 0
            yield number, whole[start : start + LINE]
            last = number


def unpack(plain: bytes) -> str:
    """Return the text of a chunk; see `packing`."""
    length, _, rest = plain.decode("utf-8", "surrogatepass").partition("\n")
    return rest[int(length) :]


def may_hold(pattern: str, *, is_regex: bool, ignores_case: bool) -> Callable[[bytes], bool]:
    """Return what tells quickly that a chunk cannot hold a text, before it is decoded."""
    if is_regex or (ignores_case and not pattern.isascii()):
        return lambda _: True
    wanted = pattern.encode("utf-8", "surrogatepass")
    if ignores_case:
        return lambda plain: wanted in plain.lower()
    return lambda plain: wanted in plain


def hits(asked: dict[str, Any]) -> Iterator[tuple[int, int, str]]:
    """Return chunk, line and text of what is found."""
    ignores_case = asked["ignores_case"]
    look = starts(asked["pattern"], is_regex=asked["is_regex"], ignores_case=ignores_case)
    may = may_hold(asked["pattern"], is_regex=asked["is_regex"], ignores_case=ignores_case)
    connection = sqlite3.connect(asked["database"], uri=True)
    statement = _CHUNKS.format(asked["condition"])
    for file in asked["files"]:
        for chunk, line, packed in connection.execute(statement, (file, *asked["values"])):
            plain = zlib.decompress(packed)
            if not may(plain):
                continue
            text = unpack(plain)
            for number, found in lines(text, look(text)):
                yield chunk, line + number, found
                if asked["is_of_chunks"]:
                    break
    connection.close()


def main() -> None:
    """Search."""
    asked = json.loads(sys.stdin.buffer.read())
    is_cut = False
    for count, hit in enumerate(hits(asked)):
        if count == asked["limit"]:
            is_cut = True
            break
        sys.stdout.write(json.dumps(hit) + "\n")
        sys.stdout.flush()  # it may be killed before it comes to the next
    sys.stdout.write(json.dumps({"is_cut": is_cut}) + "\n")


if __name__ == "__main__":
    main()
