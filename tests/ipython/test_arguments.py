from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.arguments import arguments
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.ipython.words import Word, from_shell, split

SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {"Kind": {"enum": ["code", "markdown"], "type": "string"}},
    "properties": {
        "path": {"type": "string"},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "force": {"type": "boolean"},
        "ids": {"type": "array", "items": {"type": "string"}},
        "numbers": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]},
        "metadata": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        "after": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "timeout": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "kind": {"$ref": "#/$defs/Kind"},
        "any": {},
    },
}
INFO = ToolInfo("probe", input_schema=SCHEMA)


def read(line: str) -> dict[str, Any]:
    return arguments(INFO, split(line))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("path=a.ipynb", {"path": "a.ipynb"}),
        ("path=", {"path": ""}),
        ("path=42", {"path": "42"}),
        ('path="two words"', {"path": "two words"}),
        ("path='it is \"so\"'", {"path": 'it is "so"'}),
        (r'path="a\nb\t\"c\" \\ \d"', {"path": 'a\nb\t"c" \\ \\d'}),
        (r"path=C:\new\table", {"path": r"C:\new\table"}),
        ("path=a=b:=c", {"path": "a=b:=c"}),
        ("path={name} count=3", {"path": "{name}", "count": 3}),
        ("count=3 share=0.5 force=true", {"count": 3, "share": 0.5, "force": True}),
        ("count=3.0 share=1e3 force=NO", {"count": 3, "share": 1000.0, "force": False}),
        ('count="3"', {"count": 3}),
        ("ids=a,b", {"ids": ["a", "b"]}),
        ("ids=a", {"ids": ["a"]}),
        ("ids=", {"ids": []}),
        ('ids=["a", "b]"] count=1', {"ids": ["a", "b]"], "count": 1}),
        ("numbers=1,2", {"numbers": [1, 2]}),
        ("numbers=null", {"numbers": None}),
        ('metadata={"a": {"b": "}"}} count=1', {"metadata": {"a": {"b": "}"}}, "count": 1}),
        ("after=null", {"after": None}),
        ('after="null"', {"after": "null"}),
        ("after=true", {"after": "true"}),
        ("timeout=2.5", {"timeout": 2.5}),
        ("kind=markdown", {"kind": "markdown"}),
        ("any=3", {"any": 3}),
        ("any=text", {"any": "text"}),
        ('path:="3" count:=4 any:={"x": [1, 2]}', {"path": "3", "count": 4, "any": {"x": [1, 2]}}),
    ],
)
def test_values_are_read_by_the_schema(line: str, expected: dict[str, Any]) -> None:
    found = read(line)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(v) for v in expected.values()]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("count=three", "'count' wants integer, not 'three'."),
        ("count=true", "'count' wants integer"),
        ("count=2.5", "'count' wants integer"),
        ("force=maybe", "Choose from: true, false."),
        ("kind=raw", "Choose from: code, markdown."),
        ("numbers=1,x", "'numbers' wants list of integer or null"),
        ("metadata=[1]", "'metadata' wants object or null"),
        ("metadata={1}", "'metadata' wants object or null"),
        ("metadata={a", "A { is never closed."),
        ("path='x", "A ' is never closed."),
        ("count:=x", "'count' is not JSON"),
        ("count=1 count=2", "given twice"),
        ("paht=x", "no argument 'paht'. Did you mean path?"),
        ("loose", "'loose' is not of the form key=value."),
        ("count=" + "9x" * 100, "…"),
    ],
)
def test_mistakes_are_one_line_with_a_remedy(line: str, told: str) -> None:
    with pytest.raises(ToolError) as caught:
        read(line)
    assert caught.value.code == "invalid_arguments"
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_missing_arguments_are_named() -> None:
    info = ToolInfo("probe", input_schema={**SCHEMA, "required": ["path", "count"]})
    with pytest.raises(ToolError, match=r"needs count=…"):
        arguments(info, split("path=a"))
    assert arguments(info, split("path=a"), complete=False) == {"path": "a"}


def test_an_open_schema_takes_any_name() -> None:
    info = ToolInfo("probe", input_schema={"additionalProperties": True})
    assert arguments(info, split("whatever=1")) == {"whatever": 1}


@given(st.text())
def test_any_line_gives_arguments_or_one_line(line: str) -> None:
    told = ""
    try:
        read(line)
    except ToolError as error:
        told = str(error)
    assert len(told.splitlines()) <= 1


@given(st.dictionaries(st.sampled_from(["path", "after", "any"]), st.text()))
def test_quoted_text_comes_back(values: dict[str, str]) -> None:
    quoted = {k: v.replace("\\", "\\\\").replace('"', '\\"') for k, v in values.items()}
    assert read(" ".join(f'{key}="{value}"' for key, value in quoted.items())) == values


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON), st.lists(JSON))
def test_json_objects_and_lists_come_back(value: dict[str, Any], items: list[Any]) -> None:
    line = f"metadata={json.dumps(value)} any:={json.dumps(items)} count=1"
    assert read(line) == {"metadata": value, "any": items, "count": 1}


@given(st.text())
def test_words_of_a_shell_keep_their_value(value: str) -> None:
    assert from_shell([f"path={value}"]) == [Word("path", value)]
    assert arguments(INFO, from_shell([f"path={value}"])) == {"path": value}
