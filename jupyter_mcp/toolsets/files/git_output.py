"""What git prints for programs, as small values.

Formats: ``git status --porcelain=v2 -z`` (git-status, "Porcelain Format Version 2"), ``git diff
--numstat -z`` and ``git log -z`` with fields parted by NUL, which no name or text can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

FIELDS = "%H%x00%an%x00%ae%x00%aI%x00%P%x00%s"
"""The format of `commits`."""

ORDINARY, RENAMED, UNMERGED = 8, 9, 10
"""Blanks before the path in the lines 1, 2 and u."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is not as it was committed.

    Args:
        path: The file.
        staged: What the index did to it, one letter of git's (``M``, ``A``, ``D``, ``R``, …); empty
            for nothing.
        unstaged: What the working tree did, likewise; ``?`` for a file that git does not know.
        old_path: Where it was before it was renamed; empty where it was not.
        is_conflict: Whether a merge left it in conflict.
    """

    path: str
    staged: str = ""
    unstaged: str = ""
    old_path: str = ""
    is_conflict: bool = False


@dataclass(slots=True)
class Status:
    """How a working tree is.

    Args:
        branch: The branch; empty when none is checked out.
        commit: The commit; empty before the first.
        upstream: The branch that it follows; empty for none.
        ahead: Commits that the upstream has not.
        behind: Commits that only the upstream has.
        changes: Files that are not as committed.
    """

    branch: str = ""
    commit: str = ""
    upstream: str = ""
    ahead: int = 0
    behind: int = 0
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit.

    Args:
        id: Its hash.
        author: Who wrote it.
        email: Their address.
        at: When, as ISO 8601.
        parents: Hashes of those before it.
        subject: The first line of its message.
    """

    id: str
    author: str
    email: str
    at: str
    parents: tuple[str, ...]
    subject: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A file of a diff.

    Args:
        path: The file.
        added: Lines that came; None for a file that is no text.
        removed: Lines that went; likewise.
        old_path: Where it was before; empty where it was not renamed.
    """

    path: str
    added: int | None
    removed: int | None
    old_path: str = ""


def status(output: bytes) -> Status:
    """Read ``git status --porcelain=v2 -z --branch``."""
    found = Status()
    records = iter(_texts(output))
    for record in records:
        kind, _, rest = record.partition(" ")
        match kind:
            case "#":
                _header(found, rest)
            case "1":
                found.changes.append(_change(rest.split(" ", ORDINARY - 1)))
            case "2":
                old = next(records, "")
                found.changes.append(_change(rest.split(" ", RENAMED - 1), old))
            case "u":
                path = rest.split(" ", UNMERGED - 1)[-1]
                found.changes.append(Change(path, is_conflict=True))
            case "?":
                found.changes.append(Change(rest, unstaged="?"))
    return found


def commits(output: bytes) -> list[Commit]:
    """Read ``git log -z`` in the format `FIELDS`."""
    texts = _texts(output)
    size = FIELDS.count("%x00") + 1
    found = []
    for at in range(0, len(texts) - size + 1, size):
        commit, author, email, when, parents, subject = texts[at : at + size]
        found.append(
            Commit(commit.strip("\n"), author, email, when, tuple(parents.split()), subject)
        )
    return found


def numstat(output: bytes) -> list[Changed]:
    """Read ``git diff --numstat -z``."""
    found = []
    records = iter(_texts(output))
    for record in records:
        parts = record.split("\t", 2)
        if len(parts) != 3:  # noqa: PLR2004 - added, removed, path
            continue
        added, removed = (int(part) if part.isdigit() else None for part in parts[:2])
        path, old = parts[2], ""
        if not path:  # renamed: both names follow
            old, path = next(records, ""), next(records, "")
        found.append(Changed(path, added, removed, old))
    return found


def names(output: bytes) -> list[str]:
    """Read a list of names that ends each with NUL."""
    return [text for text in _texts(output) if text]


def _texts(output: bytes) -> list[str]:
    texts = output.decode("utf-8", "replace").split("\0")
    return texts[:-1] if texts and not texts[-1] else texts


def _header(found: Status, text: str) -> None:
    name, _, value = text.partition(" ")
    match name:
        case "branch.oid":
            found.commit = "" if value == "(initial)" else value
        case "branch.head":
            found.branch = "" if value == "(detached)" else value
        case "branch.upstream":
            found.upstream = value
        case "branch.ab":
            found.ahead, found.behind = _counts(value)


def _counts(text: str) -> tuple[int, int]:
    numbers = [part[1:] for part in text.split()]
    if len(numbers) == 2 and all(number.isdigit() for number in numbers):  # noqa: PLR2004 - both
        return int(numbers[0]), int(numbers[1])
    return 0, 0


def _change(parts: list[str], old: str = "") -> Change:
    letters: Iterator[str] = ("" if letter == "." else letter for letter in parts[0][:2])
    return Change(parts[-1], next(letters, ""), next(letters, ""), old)
