from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from jupyter_mcp.security.audit.arguments import REDACTED, Arguments

SECRET = "s3cr3t-value"


class Login(BaseModel):
    user: str
    word: SecretStr
    again: Annotated[str, Field(json_schema_extra={"x-secret": True})] = ""
    next: Login | None = None


def kept(arguments: Any, schema: Any = None) -> Any:
    return Arguments().redact(arguments, schema or {})


@pytest.mark.parametrize(
    "schema",
    [
        {"writeOnly": True},
        {"format": "password"},
        {"x-secret": True},
        {"anyOf": [{"type": "null"}, {"type": "string", "format": "password"}]},
        {"$ref": "#/$defs/Word"},
    ],
)
def test_the_schema_says_what_is_secret(schema: dict[str, Any]) -> None:
    root = {"properties": {"v": schema}, "$defs": {"Word": {"writeOnly": True}}}
    assert kept({"v": SECRET, "other": "x"}, root) == {"v": REDACTED, "other": "x"}


def test_nested_and_recursive_schemas_count_too() -> None:
    schema = {
        "properties": {
            "login": Login.model_json_schema() | {"type": "object"},
            "many": {"type": "array", "items": {"format": "password"}},
            "map": {"additionalProperties": {"writeOnly": True}},
        },
        "$defs": Login.model_json_schema().get("$defs", {}),
    }
    schema["properties"]["login"] = {"$ref": "#/$defs/Login"}
    inner = {"user": "ann", "word": SECRET, "again": SECRET}
    values = {"login": inner | {"next": inner}, "many": [SECRET], "map": {"a": SECRET}}
    assert SECRET not in json.dumps(kept(values, schema))
    assert kept(values, schema)["login"]["next"]["user"] == "ann"


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "apiKey", "API-KEY", "access_token", "db.password", "private_key"],
)
def test_names_that_sound_secret_are_redacted(name: str) -> None:
    assert kept({name: SECRET, "deep": {"list": [{name: {"x": SECRET}}]}}) == {
        name: REDACTED,
        "deep": {"list": [{name: REDACTED}]},
    }


def test_a_number_under_such_a_name_and_none_are_kept() -> None:
    assert kept({"token": 5, "password": None}) == {"token": 5, "password": None}


def test_long_texts_are_told_by_length_and_hash() -> None:
    text = "ä" * 257
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert kept({"a": text, "b": "x" * 256}) == {
        "a": {"length": 257, "sha256": digest},
        "b": "x" * 256,
    }


def test_code_is_told_by_its_first_line() -> None:
    told = kept({"source": "import os\nos.x", "cells": [{"code": "y" * 500}]})
    assert told["source"]["first_line"] == "import os"
    assert told["source"]["length"] == 14
    assert told["cells"][0]["code"]["first_line"] == "y" * 120


def test_much_and_deep_is_cut() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    told = kept({"deep": deep, "many": list(range(80)), **{str(n): n for n in range(80)}})
    assert told["many"][-1] == "[30 more]"
    assert told["…"] == 32
    assert "[too deep]" in json.dumps(told["deep"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), JSON)
def test_any_arguments_and_any_schema_give_strict_json(arguments: Any, schema: Any) -> None:
    told = kept(arguments, {"properties": {"a": schema}, "x": schema})
    json.dumps(told, allow_nan=False)


@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_the_secret_is_never_in_what_is_kept(others: dict[str, str]) -> None:
    schema = {"properties": {"v": {"format": "password"}}}
    assert kept(others | {"v": SECRET}, schema)["v"] == REDACTED
