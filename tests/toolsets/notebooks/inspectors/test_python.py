"""The inspector on values of all kinds, without a kernel around it."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.notebooks.inspectors import python as inspector


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    @property
    def shape(self) -> tuple[int, ...]:
        raise RuntimeError("no shape")


class BrokenDict(dict[str, int]):
    def __iter__(self) -> Any:
        raise RuntimeError("no iteration")


def listed(namespace: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(inspector.answer(namespace, {"do": "list"}))[
        "variables"
    ]
    return found


def inspected(value: Any, *path: tuple[str, Any]) -> dict[str, Any]:
    request = {"do": "inspect", "path": ["value", *path]}
    told: dict[str, Any] = json.loads(inspector.answer({"value": value}, request))
    return told


def frame() -> pd.DataFrame:
    return pd.DataFrame({"city": ["Oslo", "Rome", None], "degrees": [3.0, np.nan, 21.5]})


def test_a_listing_has_the_persons_variables_only() -> None:
    namespace = {"x": 1, "_hidden": 2, "np": np, "f": listed}
    assert [entry["name"] for entry in listed(namespace)] == ["f", "x"]


def test_a_data_frame_is_told_as_schema_head_and_statistics() -> None:
    told = inspected(frame())
    assert (told["kind"], told["shape"]) == ("dataframe", [3, 2])
    city, degrees = told["columns"]
    assert (city["nulls"], city["unique"]) == (1, 2)
    assert (degrees["nulls"], degrees["max"], degrees["mean"]) == (1, 21.5, 12.25)
    assert told["head"][0] == ["Oslo", "3.0"]
    assert told["index"] == ["0", "1", "2"]


def test_columns_of_one_name_are_told_apart() -> None:
    twice = pd.DataFrame([[1, "a"]], columns=["same", "same"])
    assert [column["dtype"] for column in inspected(twice)["columns"]] == ["int64", "str"]


def test_a_wide_frame_is_cut() -> None:
    told = inspected(pd.DataFrame(np.zeros((2, 500))))
    assert (len(told["columns"]), told["columns_left_out"]) == (inspector.COLUMNS, 440)
    assert len(json.dumps(told)) < 20_000


def test_statistics_of_a_huge_frame_are_not_computed(monkeypatch: Any) -> None:
    monkeypatch.setattr(inspector, "MANY_CELLS", 5)
    told = inspected(frame())
    assert told["note"] == "Too large for statistics."
    assert "nulls" not in told["columns"][0]


def test_an_array_is_told_by_shape_type_and_span() -> None:
    told = inspected(np.arange(12).reshape(3, 4))
    assert (told["shape"], told["dtype"]) == ([3, 4], "int64")
    assert (told["min"], told["max"], told["mean"]) == (0, 11, 5.5)
    assert "NaN" not in json.dumps(inspected(np.array([np.nan, np.inf])))


def test_a_path_goes_through_attributes_and_indexes() -> None:
    value = {"k": [1, {"deep": frame()}]}
    told = inspected(value, ("index", "k"), ("index", 1), ("index", "deep"), ("attribute", "shape"))
    assert told["items"] == ["3", "2"]
    assert "IndexError" in inspected([1], ("index", 5))["missing"]


def test_objects_that_misbehave_are_told_as_far_as_it_goes() -> None:
    assert inspected(Broken())["repr"] == "<its repr failed: RuntimeError>"
    assert inspected(BrokenDict(a=1))["note"] == "Not all could be read: RuntimeError"
    assert inspected(MagicMock())["type"] == "unittest.MagicMock"
    assert [entry["name"] for entry in listed({"a": Broken(), "b": BrokenDict(), "c": 1})] == [
        "a",
        "b",
        "c",
    ]


def test_a_huge_value_costs_little() -> None:
    namespace = {"long": "x" * 10_000_000, "many": list(range(1_000_000)), "n": 10**5000}
    assert len(json.dumps(listed(namespace))) < 1000
    assert len(json.dumps(inspected(namespace["many"]))) < 5000
    assert inspected(namespace["n"])["repr"] == "a number of 16610 bits"


def test_it_needs_the_standard_library_only() -> None:
    source = Path(inspector.__file__).read_text()
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import)]
    froms = [
        node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)
    ]
    names = [alias.name for node in imports for alias in node.names] + [str(name) for name in froms]
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(VALUES)
def test_any_value_is_told(value: Any) -> None:
    told = inspected(value)
    assert told["type"] == type(value).__name__
    assert listed({"value": value})[0]["type"] == told["type"]
    assert len(json.dumps(told)) < 20_000
