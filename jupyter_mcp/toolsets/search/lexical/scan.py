"""Finds the lines that hold a text or fit a pattern, within a time that holds."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError

SECONDS = 5.0
"""A pattern that takes longer is ended."""

_PROGRAM = str(Path(__file__).with_name("scanner.py"))

_NO_LETTERS = re.compile(r"\\.|\(\?(?:P?[<=!][^>)]*|#[^)]*)", re.DOTALL)
"""What of a regular expression may be a capital without meaning one: ``\\S``, ``(?P<name>``."""


@dataclass(frozen=True, slots=True)
class Match:
    """A line that fits.

    Args:
        chunk: The chunk that it is in.
        line: Its number in the file, or in its cell.
        text: The line, or 400 characters around the place in a long one.
    """

    chunk: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found.

    Args:
        matches: By file and line.
        is_cut: Whether there is more, or may be: the limit or the time was reached.
        is_late: Whether it was the time.
    """

    matches: list[Match]
    is_cut: bool
    is_late: bool = False


LATE = (
    f"The pattern was ended after {SECONDS:g} seconds; these are the hits until then. "
    "Make it simpler, or give a path."
)
"""What to say of a scan that is late."""


def scan(asked: Mapping[str, Any]) -> Scan:
    """Run the scanner.

    Args:
        asked: What it reads: ``database``, ``files``, ``condition``, ``values``, ``limit``,
            ``pattern``, ``is_regex`` and ``is_of_chunks``.

    Raises:
        ToolError: ``invalid_arguments`` for a pattern that is none, ``timeout`` for one that
            found nothing in the time there is.
    """
    pattern, is_regex = asked["pattern"], asked["is_regex"]
    if is_regex:
        refuse_bad(pattern)
    ignores_case = is_insensitive(pattern, is_regex=is_regex)
    output, is_late = _run({**asked, "ignores_case": ignores_case}, SECONDS)
    found = [json.loads(line) for line in output.splitlines(keepends=True) if line[-1:] == b"\n"]
    matches = [Match(*each) for each in found if isinstance(each, list)]
    if is_late and not matches:
        raise ToolError(
            "timeout",
            f"The pattern found nothing in {SECONDS:g} seconds.",
            "Make it simpler, or give a path.",
        )
    return Scan(matches, is_cut=is_late or found[-1]["is_cut"], is_late=is_late)


def is_insensitive(pattern: str, *, is_regex: bool) -> bool:
    """Tell whether capitals do not count: when there are none in `pattern`, as in ripgrep."""
    letters = _NO_LETTERS.sub("", pattern) if is_regex else pattern
    return letters == letters.lower()


def refuse_bad(pattern: str) -> None:
    """Refuse what is no regular expression.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ToolError(
            "invalid_arguments",
            f"The pattern is no regular expression: {error}.",
            "Correct it, or search for it literally.",
        ) from error


def _run(asked: Mapping[str, Any], seconds: float) -> tuple[bytes, bool]:
    """Return what the scanner wrote and whether it had to be ended."""
    command = [sys.executable, "-I", "-S", _PROGRAM]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            output, problem = process.communicate(json.dumps(asked).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0], True
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise sqlite3.DatabaseError(problem.decode(errors="replace").strip().splitlines()[-1])
    return output, False
