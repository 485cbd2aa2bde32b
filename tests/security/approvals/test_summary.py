from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.security.approvals.summary import (
    HIDDEN,
    VALUE_LIMIT,
    arguments_hash,
    summarise,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_nothing_in_a_summary_is_unseen_or_pretends_to_be_ours(arguments: dict[str, Any]) -> None:
    summary = summarise(arguments, {})
    summary.encode()
    assert not [c for c in summary if unicodedata.category(c) in ("Cf", "Cs", "Co")]
    own = [line for line in summary.split("\n") if not line.startswith("    ")]
    assert len(own) <= max(1, len(arguments))


@given(JSON)
def test_the_hash_is_that_of_the_value_and_not_of_its_spelling(value: Any) -> None:
    one = {"a": value, "b": 1}
    assert arguments_hash(one) == arguments_hash(dict(reversed(one.items())))
    assert arguments_hash(one) != arguments_hash({"a": value, "b": 2})
    assert arguments_hash(one) != arguments_hash(one, "taint")


@pytest.mark.parametrize("name", ["password", "api_key", "apikey", "access_token", "client_secret"])
def test_secrets_are_hidden_at_any_depth(name: str) -> None:
    summary = summarise({name: "hunter2", "deep": [{name: "hunter2"}]}, {})
    assert "hunter2" not in summary
    assert summary.count(HIDDEN) == 2


@pytest.mark.parametrize(
    "mark",
    [
        {"format": "password"},
        {"writeOnly": True},
        {"x-secret": True},
        {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]},
        {"$ref": "#/$defs/Word"},
    ],
)
def test_what_the_schema_calls_secret_is_hidden_at_any_depth(mark: dict[str, Any]) -> None:
    words = {"$defs": {"Word": {"writeOnly": True}}}
    assert summarise({"x": "hunter2"}, {"properties": {"x": mark}} | words) == f"x: {HIDDEN}"
    deep = {"properties": {"a": {"items": {"properties": {"x": mark}}}}} | words
    assert summarise({"a": [{"x": "hunter2", "y": 1}]}, deep) == (
        f'a: [{{"x": "{HIDDEN}", "y": 1}}]'
    )


def test_a_person_can_read_code_and_sees_both_of_its_ends() -> None:
    assert summarise({"code": "a = 1\nb = 2"}, {}) == "code: a = 1\n    b = 2"
    long = "x" * (3 * VALUE_LIMIT) + "rm -rf /"
    summary = summarise({"code": long}, {})
    assert summary.endswith("rm -rf /")
    assert len(summary) < 2 * VALUE_LIMIT
