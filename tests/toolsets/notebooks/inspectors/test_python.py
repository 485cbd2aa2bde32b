from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.notebooks.inspectors import python as inspector


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def ask(namespace: dict[str, Any], **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(inspector.answer(namespace, {"In", "Out"}, request))
    return answer


def frame() -> pd.DataFrame:
    return pd.DataFrame({"city": ["Oslo", "Rome", None], "degrees": [3.0, np.nan, 21.5]})


def test_a_listing_has_the_users_variables_only() -> None:
    namespace = {"x": 1, "_hidden": 2, "In": [], "np": np, "f": ask}
    names = [entry["name"] for entry in ask(namespace, list=True)["variables"]]
    assert names == ["f", "x"]


def test_a_data_frame_is_told_as_schema_head_and_statistics() -> None:
    told = ask({"weather": frame()}, inspect="weather")
    assert told["shape"] == [3, 2]
    assert [column["name"] for column in told["columns"]] == ["city", "degrees"]
    assert [column["nulls"] for column in told["columns"]] == [1, 1]
    assert told["head"]["rows"][0] == ["Oslo", 3.0]
    assert told["statistics"]["degrees"]["max"] == 21.5


def test_a_wide_frame_is_cut() -> None:
    told = ask({"wide": pd.DataFrame(np.zeros((2, 500)))}, inspect="wide")
    assert told["shape"] == [2, 500]
    assert len(told["columns"]) == inspector.LIMITS["columns"]
    assert len(json.dumps(told)) < 20_000


def test_an_array_is_told_by_shape_type_and_span() -> None:
    told = ask({"a": np.arange(12).reshape(3, 4)}, inspect="a")
    assert told["shape"] == [3, 4]
    assert told["dtype"].startswith("int")
    assert told["statistics"] == {"min": 0, "max": 11, "mean": 5.5}


def test_a_path_goes_through_attributes_and_subscripts() -> None:
    namespace = {"d": {"k": [1, {"deep": frame()}]}}
    assert ask(namespace, inspect="d['k'][1]['deep'].shape")["repr"] == "(3, 2)"


@pytest.mark.parametrize("path", ["f()", "x + 1", "__import__('os')", "[1][0]", "d[x]"])
def test_nothing_is_called_or_evaluated(path: str) -> None:
    called: list[int] = []
    namespace = {"f": lambda: called.append(1), "x": 1, "d": {1: 2}}
    assert "error" in ask(namespace, inspect=path)
    assert called == []


def test_a_missing_variable_is_not_found() -> None:
    told = ask({}, inspect="nope")
    assert told == {"error": "not_found", "message": "There is no variable 'nope'."}


def test_a_value_that_cannot_be_shown_is_named_by_its_type() -> None:
    told = ask({"b": Broken()}, inspect="b")
    assert "repr raises RuntimeError" in told["repr"]


def test_a_huge_value_costs_little() -> None:
    namespace = {"long": "x" * 10_000_000, "many": list(range(1_000_000))}
    assert len(json.dumps(ask(namespace, list=True))) < 1000
    assert len(json.dumps(ask(namespace, inspect="many"))) < 5000


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(values)
def test_any_value_is_told_as_json(value: Any) -> None:
    told = ask({"value": value}, inspect="value")
    assert told["type"] == type(value).__name__
    assert ask({"value": value}, list=True)["variables"][0]["name"] == "value"
