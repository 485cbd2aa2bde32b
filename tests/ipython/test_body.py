from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("\n", {}),
        ('{"a": 1}', {"a": 1}),
        ("a: 1\nb: [x, y]", {"a": 1, "b": ["x", "y"]}),
        ("source: |\n  x = {1}\n  print(x)\n", {"source": "x = {1}\nprint(x)\n"}),
        ("day: 2026-05-04", {"day": "2026-05-04"}),
    ],
)
def test_json_and_yaml(text: str, expected: dict[str, Any]) -> None:
    assert body.read(text) == expected


@pytest.mark.parametrize(
    "text", ["[1]", "just text", "3", "1: a", "a: [", "a: b: c", "!!python/name:os.x y", "\x00"]
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ToolError) as caught:
        body.read(text)
    assert caught.value.code == "invalid_arguments"
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_gives_a_mapping_or_an_error(text: str) -> None:
    found: object = {}
    with contextlib.suppress(ToolError):
        found = body.read(text)
    assert isinstance(found, dict)
