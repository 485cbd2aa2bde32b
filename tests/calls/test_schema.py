from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from jupyter_mcp.calls import Context, Reply
from jupyter_mcp.calls.schema import Signature, describe, raw_parser
from jupyter_mcp.errors import ToolError


class Point(BaseModel):
    """A point, in a docstring that no model needs to read."""

    x: int
    label: str | None = None


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


@dataclass
class Pair:
    left: Point
    right: Point


async def search(
    ctx: Context,
    text: str,
    limit: Annotated[int, Field(ge=1, le=9)] = 5,
    mode: Literal["fast", "slow"] = "fast",
    tags: list[str] | None = None,
) -> Point:
    """Look for text.

    In two paragraphs.

    Args:
        text: What to look for.

    Returns:
        A point.
    """
    raise AssertionError((ctx, text, limit, mode, tags))


def test_the_schema_says_what_the_signature_says() -> None:
    schema = Signature("search", search).parameters
    assert schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["text"],
        "properties": {
            "text": {"type": "string", "description": "What to look for."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
            "mode": {"enum": ["fast", "slow"], "default": "fast"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }


def test_the_context_is_no_argument() -> None:
    assert Signature("search", search).context == "ctx"


def test_the_description_ends_before_the_sections() -> None:
    assert describe(search) == "Look for text.\n\nIn two paragraphs."


def test_nested_models_are_written_out_without_titles_and_docstrings() -> None:
    def pair() -> Pair: ...  # type: ignore[empty-body]

    returns = Signature("pair", pair).returns
    text = json.dumps(returns)
    assert "$ref" not in text
    assert "title" not in text
    assert "docstring" not in text
    assert returns is not None
    assert returns["properties"]["left"]["properties"]["x"] == {"type": "integer"}


def test_a_model_that_contains_itself_keeps_its_definitions() -> None:
    def plant(tree: Tree) -> Tree: ...  # type: ignore[empty-body]

    signature = Signature("plant", plant)
    Draft202012Validator.check_schema(signature.parameters)
    value = {"tree": {"name": "a", "children": [{"name": "b", "children": []}]}}
    Draft202012Validator(signature.parameters).validate(value)
    assert signature.parse(value)["tree"].children[0].name == "b"


@pytest.mark.parametrize("hint", [int, list[int], str, bool])
def test_a_result_that_is_no_object_is_wrapped(hint: Any) -> None:
    def give() -> Any: ...

    give.__annotations__["return"] = hint
    signature = Signature("give", give)
    assert signature.returns is not None
    assert signature.returns["required"] == ["result"]


def test_reply_of_a_model_has_the_models_schema() -> None:
    def give() -> Reply[Point]: ...  # type: ignore[empty-body]

    signature = Signature("give", give)
    assert signature.returns is not None
    assert signature.dump(Point(x=1)) == {"x": 1}
    Draft202012Validator(signature.returns).validate(signature.dump(Point(x=1)))


def test_nothing_returned_means_no_output_schema() -> None:
    def give() -> None: ...

    assert Signature("give", give).returns is None


def test_a_parameter_without_a_type_is_refused_when_the_tool_is_registered() -> None:
    def bad(thing):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return thing

    with pytest.raises(TypeError, match="'thing' of tool 'bad' needs a type"):
        Signature("bad", bad).compile()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "'text' is missing"),
        ({"text": 7}, "'text': Input should be a valid string"),
        ({"text": "a", "limit": 99}, "'limit': Input should be less than or equal to 9"),
        ({"text": "a", "colour": 1}, "no argument 'colour' (it takes: text, limit, mode, tags)"),
    ],
)
def test_wrong_arguments_get_one_line_that_names_them(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError) as caught:
        Signature("search", search).parse(arguments)
    assert caught.value.code == "invalid_arguments"
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_endless_name_of_an_argument_is_not_repeated_whole() -> None:
    with pytest.raises(ToolError) as caught:
        Signature("search", search).parse({"text": "a", "x\n" * 10_000: 1})
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


def test_a_tool_with_its_own_schema_is_checked_against_it() -> None:
    parse = raw_parser("t", {"type": "object", "properties": {"n": {"minimum": 3}}})
    assert parse({"n": 4}) == {"n": 4}
    with pytest.raises(ToolError, match="n: 1 is less than the minimum of 3"):
        parse({"n": 1})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


SEARCH = Signature("search", search)
SEARCH.compile()  # once, and not while an example is timed


@given(st.dictionaries(st.sampled_from(["text", "limit", "mode", "tags", "other"]), json_values))
def test_any_json_is_either_parsed_or_refused_in_one_line(arguments: dict[str, Any]) -> None:
    try:
        values = SEARCH.parse(arguments)
    except ToolError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either branch is right
    else:
        assert set(values) == {"text", "limit", "mode", "tags"}
        assert 1 <= values["limit"] <= 9
