"""JSON with comments and trailing commas, as devcontainer.json is written.

Comments become blanks of the same length, so that the position in an error is that of the file.
"""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"'  # a string, in which // is no comment
    r"|//[^\n]*"
    r"|/\*.*?\*/",
    re.DOTALL,
)
_TRAILING = re.compile(r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)


def loads(text: str) -> Any:
    """Read JSON with comments.

    Raises:
        ValueError: When it is none even without comments.
    """
    bare = _TOKEN.sub(lambda found: _kept(found, "/"), text.removeprefix("\ufeff"))
    bare = _TRAILING.sub(lambda found: _kept(found, ","), bare)
    try:
        return json.loads(bare)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _kept(found: re.Match[str], blanked: str) -> str:
    token = found.group()
    if not token.startswith(blanked):
        return token
    return re.sub(r"[^\n]", " ", token)
