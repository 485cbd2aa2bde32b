"""Reads a file that is to be searched, and says in a few words why one is not.

What is read is text: a file with a null byte is a program's data. Text in another encoding than
UTF-8 is decoded as it declares (PEP 263) or as Latin-1, so that no file is lost for a letter.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp.toolsets.search.walking.secrets import holds_secret
from jupyter_mcp.toolsets.search.walking.times import changed_ns

MB = 1024 * 1024
NOTEBOOK_FACTOR = 8
"""A notebook may be so many times larger than other files: most of it are pictures, which are not
indexed."""

_DECLARED = re.compile(rb"^[ \t\f]*(?:#|//|/\*|--|;|%).*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Unreadable(Exception):  # noqa: N818 - it is a state of the file, not a failure of ours
    """A file that is not indexed.

    Args:
        reason: In a few words, such as ``binary``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __reduce__(self) -> tuple[type[Unreadable], tuple[str]]:
        return Unreadable, (self.reason,)


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when it was read.

    Args:
        text: Its text, without a byte order mark.
        digest: A hash of its bytes.
        size: Bytes.
        mtime_ns: When it was changed last (see `changed_ns`), as it was before reading.
    """

    text: str
    digest: str
    size: int
    mtime_ns: int


def read(folder: Path, path: str, limit: int) -> Source:
    """Read a file.

    Args:
        folder: The indexed folder.
        path: The file below it.
        limit: The largest size in bytes; see `limit_of`.

    Raises:
        Unreadable: It is gone, no text, too large, may not be read, or may hold secrets.
    """
    data, state = _bytes(os.path.join(folder, path), limit)  # noqa: PTH118 - thousands of files
    text = decode(data)
    if holds_secret(text):
        raise Unreadable("may hold secrets")
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    return Source(text, digest, state.st_size, changed_ns(state))


def limit_of(path: str, file_bytes: int) -> int:
    """Return the largest size of a file, given that of files without pictures."""
    return file_bytes * NOTEBOOK_FACTOR if path.endswith(".ipynb") else file_bytes


def larger_than(limit: int) -> str:
    """Return the reason for a file that is too large."""
    return f"larger than {limit / MB:g} MiB" if limit >= MB else f"larger than {limit} bytes"


def decode(data: bytes) -> str:
    """Return the text of a file.

    Raises:
        Unreadable: It is no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = data.decode(encoding, "replace").removeprefix("\ufeff")
            if "\0" in text:
                raise Unreadable("binary")
            return text
    if b"\0" in data:
        raise Unreadable("binary")
    return _declared(data) or _guessed(data)


def _bytes(file: str, limit: int) -> tuple[bytes, os.stat_result]:
    try:
        # Neither a pipe that nobody writes to nor a link out of the folder is followed.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unreadable("gone") from None
    except PermissionError:
        raise Unreadable("no permission") from None
    except (OSError, ValueError) as error:
        if getattr(error, "errno", 0) == errno.ELOOP:
            raise Unreadable("symbolic link") from None
        raise Unreadable(f"cannot be opened: {_told(error)}") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Unreadable("not a file")
        if state.st_size > limit:
            raise Unreadable(larger_than(limit))
        with open(descriptor, "rb", buffering=0, closefd=False) as opened:
            data = opened.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {_told(error)}") from None
    finally:
        os.close(descriptor)
    if data is None or len(data) > limit:
        raise Unreadable(larger_than(limit))
    return data, state


def _told(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _declared(data: bytes) -> str:
    """Return the text in the encoding that the first two lines name; nothing without one."""
    head = b"\n".join(data[:400].splitlines()[:2])
    found = _DECLARED.search(head) if b"coding" in head else None
    if found is None:
        return ""
    try:
        name = codecs.lookup(found[1].decode("ascii")).name
        return "" if name == "utf-8" else data.decode(name, "replace")
    except (LookupError, ValueError):
        return ""


def _guessed(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    # One broken letter in a UTF-8 file shall not turn all others into pairs of Latin-1.
    beyond = sum(1 for letter in text if letter > "\x7f")
    return text if text.count("\ufffd") * 4 <= beyond else data.decode("latin-1")
