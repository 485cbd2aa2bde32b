"""Exact replacements in a text, all of them or none."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.paths import shown

DIFF = 20_000
"""Characters of a diff that are told."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """One change.

    Args:
        old: The text that is there, exactly.
        new: What takes its place.
        everywhere: Whether it may be there several times; otherwise once and no more.
    """

    old: str
    new: str
    everywhere: bool = False


def replaced(path: str, text: str, changes: Sequence[Replacement]) -> str:
    """Return a text with the changes made one after the other.

    Args:
        path: The file, for messages.
        text: Its text.
        changes: What to replace.

    Raises:
        ToolError: ``invalid_arguments`` for a text that is not there, or is there too often.
    """
    for number, change in enumerate(changes, 1):
        which = f"Edit {number}: " if len(changes) > 1 else ""
        if not change.old or change.old == change.new:
            what = (
                f"{which}old is empty." if not change.old else f"{which}old and new are the same."
            )
            raise ToolError("invalid_arguments", what, "Give the text that is there in old.")
        found = text.count(change.old)
        if found == 0:
            raise ToolError(
                "invalid_arguments",
                f"{which}old is not in '{shown(path)}'.",
                _hint(text, change.old),
            )
        if found > 1 and not change.everywhere:
            raise ToolError(
                "invalid_arguments",
                f"{which}old is in '{shown(path)}' {found} times.",
                "Give more of the lines around it, or say replace_all=true.",
            )
        text = text.replace(change.old, change.new)
    return text


def unified(path: str, before: str, after: str) -> str:
    """Return the difference of two texts as ``diff -u`` tells it."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    lines = []
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        whole = line.endswith("\n")
        lines.append(line if whole else f"{line}\n\\ No newline at end of file\n")
    diff = "".join(lines)
    return diff if len(diff) <= DIFF else f"{diff[:DIFF]}\n[{len(diff) - DIFF} more characters]\n"


def _hint(text: str, old: str) -> str:
    if "\r\n" in text and "\r\n" not in old and old.replace("\n", "\r\n") in text:
        return r"The file's lines end with \r\n: write them so in old and new."
    if " ".join(old.split()) in " ".join(text.split()):
        return "Only blanks or line ends differ: copy them exactly from file_read."
    return "Read the file again with file_read and copy the text exactly."
