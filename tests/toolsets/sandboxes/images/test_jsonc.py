from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.sandboxes.images import jsonc

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_what_is_json_already_stays_as_it_is(value: object) -> None:
    assert jsonc.loads(json.dumps(value)) == value
    assert jsonc.loads(json.dumps(value, indent=2, ensure_ascii=False)) == value


def test_comments_and_trailing_commas_are_left_out() -> None:
    text = """\ufeff// the container
    {
      "image": "a//b", /* not "this": 1, */ "name": "x /* y */", // "z": 1
      "list": [1, 2, /* end */ ],
      "quote": "\\" // no comment, } ,]",
    }"""
    assert jsonc.loads(text) == {
        "image": "a//b",
        "name": "x /* y */",
        "list": [1, 2],
        "quote": '" // no comment, } ,]',
    }


def test_an_error_is_told_at_its_place_in_the_file() -> None:
    with pytest.raises(ValueError, match="line 3 column 3"):
        jsonc.loads("/* a\n b */\n  wrong: 1")


@pytest.mark.parametrize("text", ["", "/* open", '{"a": 1 "b"}', "[" * 100_000, '{"a": "\n"}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says of it
        jsonc.loads(text)
