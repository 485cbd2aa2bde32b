from __future__ import annotations

from jupyter_mcp.security.visible import visible


def test_text_that_turns_around_is_spelled_out() -> None:
    assert visible("a\u202eb\x1b[2J") == "a\\u202eb\\x1b[2J"
