"""Checks what nodes are given: references, expressions, and arguments against schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import references, schemas
from jupyter_mcp.toolsets.workflows.spec.expressions import Expression, compile_expression
from jupyter_mcp.toolsets.workflows.spec.known import Known
from jupyter_mcp.toolsets.workflows.spec.models import Map, Spec, Work
from jupyter_mcp.toolsets.workflows.spec.problems import Problem
from jupyter_mcp.toolsets.workflows.spec.references import Place, Reference, nearest, shown
from jupyter_mcp.toolsets.workflows.spec.schemas import Later, Missing
from jupyter_mcp.toolsets.workflows.spec.syntax import tested
from jupyter_mcp.toolsets.workflows.spec.uses import (
    Formula,
    Value,
    formulas_of,
    kind_of,
    tools_of,
    values_of,
)

SHOWN = 80

WANTED: Mapping[str, Mapping[str, str]] = {
    "map": {"over": "array"},
    "wait": {"seconds": "number", "until": "string"},
    "notebook": {"path": "string", "parameters": "object", "output": "string"},
    "processing": {"kernel_id": "string", "sandbox_id": "string"},
}
"""The types of the fields that a kind has besides its tool's arguments."""


class Arguments:
    """Checks one node, or what is done when a run has ended.

    Args:
        known: What is known of the spec.
        node: The node.
        place: Where it stands.
    """

    def __init__(self, known: Known, node: Work, place: Place) -> None:
        self._known = known
        self._node = node
        self._id = str(getattr(node, "id", ""))
        self._place = place

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with what the node is given."""
        for value in values_of(self._node):
            yield from self._references(value)
        for formula in formulas_of(self._node):
            yield from self._formula(formula)
        yield from self._fields(self._node, self._place)
        if self._known.tools is not None:
            yield from self._calls(self._node, self._place)

    def _references(self, value: Value) -> Iterator[Problem]:
        for where, text in references.texts(value.value):
            place = (*self._place, *value.place, *where)
            try:
                parts = references.parse(text)
            except ToolError as error:
                yield Problem(shown(place), error.message, error.remedy)
                continue
            for part in parts:
                if isinstance(part, Reference):
                    yield from self._path(part.path, f"${{{part.text[:SHOWN]}}}", place, value)

    def _fields(self, work: Work, place: Place) -> Iterator[Problem]:
        """Yield which fields of its kind are given values of another type."""
        for name, wanted in WANTED.get(kind_of(work), {}).items():
            value = getattr(work, name)
            if isinstance(value, str):
                for _, message in schemas.mismatches(self._later(value, work), {"type": wanted}):
                    yield Problem(shown((*place, name)), message)
        if isinstance(work, Map):
            yield from self._fields(work.node, (*place, "node"))

    def _path(
        self, path: Place, told: str, place: Place, use: Value | Formula
    ) -> Iterator[Problem]:
        roots = use.roots if isinstance(use, Value) else use.variables
        found = self._known.schema_at(path, roots)
        if isinstance(found, Missing):
            yield Problem(shown(place), f"{told}: {found.message}", found.remedy)
            return
        other = str(path[1]) if path[0] == "nodes" and len(path) > 1 else ""
        if other and other == self._id and not (isinstance(use, Value) and use.is_afterwards):
            message = f"{told}: a node cannot use its own output."
            yield Problem(shown(place), message, "It is there when the node has run.")
        elif other and self._known.branches is not None:
            decision = self._known.branches.exclude(self._id, other)
            if decision:
                message = f"{told}: '{other}' never runs when '{self._id}' does."
                remedy = f"They are in different branches of '{decision}'."
                yield Problem(shown(place), message, remedy)

    def _formula(self, formula: Formula) -> Iterator[Problem]:
        place = (*self._place, *formula.place)
        try:
            expression = compile_expression(formula.text, formula.variables)
        except ToolError as error:
            yield Problem(shown(place), _first_upper(error.message), error.remedy)
            return
        if formula.is_condition and expression.returns not in {"BOOL", "DYN"}:
            told = f"This is {expression.returns.lower()} and neither true nor false."
            yield Problem(shown(place), told, "Compare it with something.")
        yield from self._paths(expression, place, formula)

    def _paths(self, expression: Expression, place: Place, formula: Formula) -> Iterator[Problem]:
        asked = tested(expression.tree)
        for path in sorted(expression.paths, key=str):
            told = path
            if any(path[: len(each)] == each for each in asked):
                told = path[:2] if path[0] == "nodes" else path[:1]
            if told != ("nodes",):
                yield from self._path(told, shown(told), place, formula)

    def _calls(self, work: Work, place: Place) -> Iterator[Problem]:
        tool = getattr(work, "tool", None)
        if tool is not None:
            given: Mapping[str, Any] = getattr(work, "arguments", {})
            yield from self._call(tool, given, place, work)
        yield from self._own(work, place)
        if work.compensate is not None:
            back = work.compensate
            yield from self._call(back.tool, back.arguments, (*place, "compensate"), work)
        if isinstance(work, Map):
            yield from self._calls(work.node, (*place, "node"))

    def _own(self, work: Work, place: Place) -> Iterator[Problem]:
        """Yield which tools are not there that the node calls by itself."""
        tools = self._known.tools
        for name in tools_of(work):
            if tools is not None and tools.input_schema(name) is None:
                told = f"Such a node calls '{name}', and there is no such tool for you."
                remedy = "Your token, the policy or the server's toolsets leave it out."
                yield Problem(shown((*place, "kind")), told, remedy)

    def _call(
        self, tool: str, given: Mapping[str, Any], place: Place, work: Work
    ) -> Iterator[Problem]:
        tools = self._known.tools
        schema = tools.input_schema(tool) if tools else None
        if tools is None or schema is None:
            known = list(tools.names()) if tools else []
            told = f"There is no tool {tool[:SHOWN]!a}."
            near = nearest(tool, known)
            remedy = near if near.startswith("Did") else "tool_search finds tools."
            yield Problem(shown((*place, "tool")), told, remedy)
            return
        for where, message in schemas.mismatches(self._later(given, work), schema):
            told = f"The tool '{tool}' does not take this: {message}"
            yield Problem(shown((*place, "arguments", *where)), told)

    def _later(self, value: Any, work: Work) -> Any:
        """Return a value with what is known later in place of its references."""
        if isinstance(value, str) and "${" in value:
            return self._typed(value)
        if isinstance(value, Mapping):
            return {key: self._later(inner, work) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._later(inner, work) for inner in value]
        return value

    def _typed(self, text: str) -> Any:
        try:
            parts = references.parse(text)
        except ToolError:
            return Later(text)
        if not any(isinstance(part, Reference) for part in parts):
            return "".join(map(str, parts))
        if len(parts) > 1 or not isinstance(parts[0], Reference):
            return Later(f"'{text[:SHOWN]}'", frozenset(["string"]))
        return Later(f"${{{parts[0].text[:SHOWN]}}}", self._types(parts[0].path))

    def _types(self, path: Place) -> frozenset[str] | None:
        if isinstance(self._node, Map) and path[0] == self._node.item_name:
            schema = self._known.element_at(self._node.over)
            found = schemas.follow(schema, path[1:], path[:1], schema)
        else:
            found = self._known.schema_at(path)
        return None if isinstance(found, Missing) else schemas.types_of(found, found)


def parameter_problems(
    spec: Spec, parameters: Mapping[str, Any], place: Place = (), *, later: bool = False
) -> Iterator[Problem]:
    """Yield where parameters do not fit a spec.

    Args:
        spec: The spec.
        parameters: What it is started with.
        place: The node that gives them, if one does.
        later: Whether they may hold references.
    """
    schema = spec.parameters or {}
    if schemas.problems_of(schema):
        return
    known = list(schema.get("properties", {}))
    for name in parameters:
        if name not in known and not schema.get(
            "additionalProperties", schema.get("patternProperties")
        ):
            told = f"The workflow '{spec.name}' has no parameter {name[:SHOWN]!a}."
            own = shown((*place, "parameters", name)) if place else ""
            yield Problem(own, told, nearest(name, known))
    given = with_defaults(spec, parameters)
    wanted = {key: value for key, value in schema.items() if value is not False}
    for where, message in schemas.mismatches(_unknown_later(given) if later else given, wanted):
        at = f"'{shown(where)}': " if where and not place else ""
        told = f"The workflow '{spec.name}' does not take these parameters: {at}{message}"
        yield Problem(shown((*place, "parameters", *where)) if place else "", told)


def with_defaults(spec: Spec, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with the defaults of those that were not given."""
    declared: Mapping[str, Any] = (spec.parameters or {}).get("properties", {})
    defaults = {
        name: schema["default"]
        for name, schema in declared.items()
        if isinstance(schema, Mapping) and "default" in schema
    }
    return {**defaults, **parameters}


def _unknown_later(value: Any) -> Any:
    if isinstance(value, str) and "${" in value:
        return Later(value) if references.is_reference(value) else value
    if isinstance(value, Mapping):
        return {key: _unknown_later(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_unknown_later(inner) for inner in value]
    return value


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
