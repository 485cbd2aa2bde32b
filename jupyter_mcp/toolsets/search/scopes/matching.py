"""Finds the texts that a regular expression fits, within a time that holds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.lexical.scan import SECONDS, is_insensitive, refuse_bad

_PROGRAM = str(Path(__file__).with_name("matcher.py"))


def fitting(pattern: str, texts: Sequence[str], seconds: float = SECONDS) -> list[int]:
    """Return the numbers of the texts in which a pattern is found.

    Args:
        pattern: A regular expression; without capitals in it, capitals do not count.
        texts: The texts; ``^`` and ``$`` fit at each of their lines.
        seconds: When it is ended.

    Raises:
        ToolError: ``invalid_arguments`` for a pattern that is none, ``timeout`` for one that has
            not gone through all texts in time.
    """
    refuse_bad(pattern)
    asked = {
        "pattern": pattern,
        "ignores_case": is_insensitive(pattern, is_regex=True),
        "texts": texts,
    }
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", _PROGRAM],
            input=json.dumps(asked).encode(),
            capture_output=True,
            check=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            "timeout",
            f"The pattern took more than {seconds:g} seconds over {len(texts):,} variables.",
            "Make it simpler.",
        ) from error
    return [int(line) for line in done.stdout.splitlines()]
