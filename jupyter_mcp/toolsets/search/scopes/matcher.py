"""Tells which of some texts fit a pattern: a program of its own, so that it can be killed.

See `lexical/scanner.py`, which does this for files. What a kernel holds is not written to disk, so
the texts come by stdin: a JSON object with ``pattern``, ``ignores_case`` and ``texts``. The numbers
of those that fit go to stdout, one a line.
"""

from __future__ import annotations

import json
import re
import sys


def main() -> None:
    """Match."""
    asked = json.loads(sys.stdin.buffer.read())
    flags = re.MULTILINE | (re.IGNORECASE if asked["ignores_case"] else 0)
    search = re.compile(asked["pattern"], flags).search
    for number, text in enumerate(asked["texts"]):
        if search(text):
            sys.stdout.write(f"{number}\n")


if __name__ == "__main__":
    main()
