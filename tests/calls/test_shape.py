from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest
from pydantic import BaseModel, ValidationError

from jupyter_mcp import toolsets
from jupyter_mcp.calls.schema import Signature
from jupyter_mcp.calls.shape import Shape


def test_a_shape_is_worked_out_when_it_is_first_made() -> None:
    class Spot(Shape):
        x: int

    assert not Spot.__pydantic_complete__
    with pytest.raises(ValidationError, match="valid integer"):
        Spot.model_validate({"x": "far"})
    assert Spot(x=3).model_dump() == {"x": 3}
    assert Spot.__pydantic_complete__


def test_a_shape_that_a_tool_returns_is_worked_out_once() -> None:
    async def look() -> Line:
        raise AssertionError

    signature = Signature("look", look)
    assert signature.returns == {
        "type": "object",
        "properties": {"points": {"type": "array", "items": {"type": "integer"}}},
        "required": ["points"],
    }
    assert Line.__pydantic_complete__, "it would be worked out once more for the first answer"
    assert signature.dump(Line(points=[1, 2])) == {"points": [1, 2]}


class Line(Shape):
    """What the tool above returns."""

    points: list[int]


def test_all_objects_of_our_tools_are_shapes() -> None:
    found = [model for module in _modules_of_tools() for model in _models(module)]
    assert len(found) > 100
    others = [f"{model.__module__}.{model.__name__}" for model in found if Shape not in model.mro()]
    assert not others, f"each costs every start: {others}"


def _modules_of_tools() -> list[ModuleType]:
    everything = pkgutil.walk_packages(toolsets.__path__, f"{toolsets.__name__}.")
    names = (each.name for each in everything)
    return [importlib.import_module(name) for name in names if ".tools." in f"{name}."]


def _models(module: ModuleType) -> list[type[BaseModel]]:
    classes = (member for _, member in inspect.getmembers(module, inspect.isclass))
    own = (each for each in classes if each.__module__ == module.__name__)
    return [each for each in own if issubclass(each, BaseModel)]
