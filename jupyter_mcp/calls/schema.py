"""From a Python signature to JSON Schema 2020-12 and back: validation in, serialisation out.

pydantic does the work; this module only decides what a tool's signature means. It is imported
when the catalog is built, not when the server extension loads, because pydantic is heavy.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from jupyter_mcp.calls.content import Reply, Result
from jupyter_mcp.calls.context import Context
from jupyter_mcp.errors import ToolError

SHOWN = 100
"""How many characters of a wrong argument's name an error repeats."""
MESSAGE = 300
"""How many of what a validator says of it: it repeats the value."""

_NOISE = (("default", None), ("additionalProperties", True))
_REFERENCE = re.compile(r'"#/\$defs/([^"]+)"')
_ARGUMENT_LINE = re.compile(r"^\s+(\w+):\s+(.*)$")


class Signature:
    """What a function takes and gives, worked out when somebody first asks.

    It takes pydantic about 2 ms for a tool, and most tools are in no view that anybody asks for.

    Args:
        name: The name of the tool.
        function: Its function.
        schema: JSON Schema of the arguments, where the function's signature cannot say it.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], schema: Mapping[str, Any] | None = None
    ) -> None:
        self._name = name
        self._function = function
        self._schema = schema

    @cached_property
    def context(self) -> str | None:
        """The name of the parameter that gets the `Context`, if any."""
        return next((name for name, hint in self._hints.items() if hint is Context), None)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """JSON Schema of the arguments.

        Raises:
            TypeError: If a parameter has no annotation or a type that JSON cannot carry.
        """
        if self._schema is not None:
            return dict(self._schema)
        return compact(self._model.model_json_schema())

    @cached_property
    def parse(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Checks raw arguments and returns the values to call the function with."""
        if self._schema is not None:
            return raw_parser(self._name, self._schema)
        return _parser(self._name, self._model)

    @property
    def returns(self) -> dict[str, Any] | None:
        """JSON Schema of the structured result; None when there is none."""
        return self._given[0]

    @property
    def dump(self) -> Callable[[Any], Any]:
        """Turns a returned value into JSON data that fits `returns`."""
        return self._given[1]

    def compile(self) -> None:
        """Work it all out, so that mistakes show up.

        Raises:
            TypeError: As `parameters`; whatever pydantic and jsonschema raise for a wrong schema.
        """
        _ = self.context, self._model, self.parameters, self.parse, self.returns

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self._function, include_extras=True)

    @cached_property
    def _model(self) -> type[BaseModel]:
        return _model_of(self._name, self._function, self._hints)

    @cached_property
    def _given(self) -> tuple[dict[str, Any] | None, Callable[[Any], Any]]:
        return _return_of(self._hints.get("return"))


def describe(function: Callable[..., Any]) -> str:
    """Return the docstring's text up to its first section, as one paragraph per paragraph."""
    text = inspect.getdoc(function) or ""
    text = re.split(r"\n\s*(?:Args|Returns|Raises|Example):\n", text)[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")).strip()


def raw_parser(
    name: str, schema: Mapping[str, Any]
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a parser for a tool that brings its own JSON Schema (draft 2020-12)."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(dict(schema))
    validator = Draft202012Validator(dict(schema))

    def parse(arguments: Mapping[str, Any]) -> dict[str, Any]:
        error = next(iter(validator.iter_errors(dict(arguments))), None)
        if error is not None:
            place = "/".join(str(part) for part in error.absolute_path) or "arguments"
            raise _invalid(name, f"{place[:SHOWN]}: {error.message[:MESSAGE]}")
        return dict(arguments)

    return parse


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` without what only costs a model's context.

    Titles and the docstrings of models go, and references are replaced by what they refer to. A
    schema that refers to itself keeps its definitions.
    """
    definitions: dict[str, Any] = schema.pop("$defs", {})
    for model in (schema, *definitions.values()):
        model.pop("description", None)
    if any(_refers_to_itself(name, definitions) for name in definitions):
        short = _Shortener({}).short({**schema, "$defs": definitions})
    else:
        short = _Shortener(definitions).short(schema)
    return dict(short)


def _refers_to_itself(name: str, definitions: Mapping[str, Any]) -> bool:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for found in _REFERENCE.findall(json.dumps(definitions[waiting.pop()])):
            if found == name:
                return True
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    return False


@dataclass(frozen=True, slots=True)
class _Shortener:
    """Walks a schema.

    Args:
        definitions: What references are replaced by; empty to leave them.
    """

    definitions: Mapping[str, Any]

    def short(self, node: Any) -> Any:
        """Return a shorter schema that accepts the same."""
        if isinstance(node, list):
            return [self.short(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node and self.definitions:
            target = self.definitions[node["$ref"].rsplit("/", 1)[1]]
            return self.short({**target, **{k: v for k, v in node.items() if k != "$ref"}})
        node = _without_null(node)
        if all(isinstance(value, str) for value in node.get("enum", [None])):
            node = {key: value for key, value in node.items() if key != "type"}
        return {
            key: self._named(value) if key in ("properties", "$defs") else self.short(value)
            for key, value in node.items()
            if (key, value) not in _NOISE and not (key == "title" and isinstance(value, str))
        }

    def _named(self, schemas: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.short(schema) for name, schema in schemas.items()}


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Drop the null branch of an optional argument: leaving it out says the same in fewer bytes."""
    branches = node.get("anyOf")
    if not isinstance(branches, list) or {"type": "null"} not in branches or "default" not in node:
        return node
    rest = [branch for branch in branches if branch != {"type": "null"}]
    others = {key: value for key, value in node.items() if key != "anyOf"}
    return {**rest[0], **others} if len(rest) == 1 else {**others, "anyOf": rest}


def _model_of(name: str, function: Callable[..., Any], hints: Mapping[str, Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    texts = _argument_texts(function)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        hint = hints.get(parameter.name)
        if hint is None:
            raise TypeError(
                f"Parameter '{parameter.name}' of tool '{name}' needs a type annotation."
            )
        if hint is Context:
            continue
        fields[parameter.name] = _field(parameter, hint, texts.get(parameter.name))
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    return create_model(name, __config__=config, **fields)


def _field(parameter: inspect.Parameter, hint: Any, text: str | None) -> tuple[Any, Any]:
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    if isinstance(default, FieldInfo) or text is None or _has_description(hint):
        return hint, default
    return Annotated[hint, Field(description=text)], default


def _has_description(hint: Any) -> bool:
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return any(isinstance(extra, FieldInfo) and extra.description for extra in extras)


def _argument_texts(function: Callable[..., Any]) -> dict[str, str]:
    parts = re.split(r"\n\s*Args:\n", inspect.getdoc(function) or "")
    if len(parts) == 1:
        return {}
    lines = re.split(r"\n\s*\n", parts[1])[0].splitlines()
    return {m[1]: m[2].strip() for m in map(_ARGUMENT_LINE.match, lines) if m}


def _parser(name: str, model: type[BaseModel]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    fields = tuple(model.model_fields)

    def parse(arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            values = model.model_validate(arguments)
        except ValidationError as error:
            raise _invalid(name, _first_error(error, fields)) from None
        return {field: getattr(values, field) for field in fields}

    return parse


def _first_error(error: ValidationError, fields: tuple[str, ...]) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = " ".join(".".join(str(part) for part in first["loc"]).split())[:SHOWN]
    match first["type"]:
        case "missing":
            return f"'{place}' is missing"
        case "extra_forbidden":
            return f"there is no argument '{place}' (it takes: {', '.join(fields) or 'none'})"
        case _:
            return f"'{place}': {first['msg']}"


def _invalid(name: str, what: str) -> ToolError:
    return ToolError(
        "invalid_arguments",
        f"Invalid arguments for '{name}': {what}.",
        "Correct the arguments and call again; the tool's input schema says what it takes.",
    )


def _return_of(hint: Any) -> tuple[dict[str, Any] | None, Callable[[Any], Any]]:
    hint = _inside_reply(hint)
    if hint in (None, type(None), Any, Result, inspect.Signature.empty):
        return None, lambda value: value
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        hint.model_rebuild()  # else it is worked out here, and once more when it is first made
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    schema = compact(_without_defaults(adapter.json_schema(mode="serialization")))
    if schema.get("type") == "object":
        return schema, lambda value: adapter.dump_python(value, mode="json", exclude_none=True)
    wrapped = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
    return wrapped, lambda value: {"result": adapter.dump_python(value, mode="json")}


def _without_defaults(node: Any) -> Any:
    """Drop defaults: what is returned is what it is, so they only cost a reader's context."""
    if isinstance(node, list):
        return [_without_defaults(item) for item in node]
    if not isinstance(node, dict):
        return node
    optional = _without_null(node)
    return {
        key: {name: _without_defaults(item) for name, item in value.items()}
        if key in ("properties", "$defs")
        else _without_defaults(value)
        for key, value in optional.items()
        if key != "default"
    }


def _inside_reply(hint: Any) -> Any:
    """Return T of `Reply[T]`, also where the annotation is a union with plain values."""
    if get_origin(hint) is Reply:
        return get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        inside = tuple(_inside_reply(part) for part in get_args(hint))
        return Union[inside]  # noqa: UP007 - built at run time from a tuple
    return None if hint is Reply else hint
