"""What can be known of the values in a spec before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import references
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from jupyter_mcp.toolsets.workflows.spec.graph import Branches, branched, cycle, needs
from jupyter_mcp.toolsets.workflows.spec.models import AnyNode, Map, Spec
from jupyter_mcp.toolsets.workflows.spec.references import Key, Place, Reference, nearest
from jupyter_mcp.toolsets.workflows.spec.schemas import ANY, Missing, Schema, follow
from jupyter_mcp.toolsets.workflows.spec.uses import BASE

WORKFLOW: Schema = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
}
OVER: Schema = {
    "type": "object",
    "properties": {
        **WORKFLOW["properties"],
        "status": {"type": "string"},
        "error": {
            "type": "object",
            "properties": {
                name: {"type": "string"} for name in ("code", "message", "remedy", "node")
            },
        },
    },
}
"""What a run is when it has ended."""
STATUSES = ["succeeded", "failed", "skipped"]
DECIDED: Schema = {"type": "object", "properties": {"branch": {"type": "string"}}}
_CEL = {
    "BOOL": "boolean",
    "INT": "integer",
    "UINT": "integer",
    "DOUBLE": "number",
    "STRING": "string",
    "BYTES": "string",
    "TIMESTAMP": "string",
    "DURATION": "number",
}


class Tools(Protocol):
    """What is known of the tools that a workflow may call."""

    def names(self) -> Sequence[str]:
        """Return the names of all tools."""
        ...

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        """Return the JSON Schema of a tool's arguments; None if there is no such tool."""
        ...

    def output_schema(self, name: str) -> Mapping[str, Any] | None:
        """Return the JSON Schema of a tool's structured result; None if it has none."""
        ...


class Known:
    """The schemas of all that values of a spec can refer to.

    Args:
        spec: The spec.
        tools: What is known of the tools, if anything is.
        is_over: Whether the values are used when the run has ended.
    """

    def __init__(self, spec: Spec, tools: Tools | None, *, is_over: bool = False) -> None:
        self.spec = spec
        self._workflow = OVER if is_over else WORKFLOW
        self.tools = tools
        self.nodes: dict[str, AnyNode] = {node.id: node for node in spec.nodes}

    @cached_property
    def branches(self) -> Branches | None:
        """What the decisions leave of the spec; None while its nodes wait for each other."""
        return None if cycle(needs(self.spec)) else branched(self.spec)

    def schema_at(self, path: Place, roots: Sequence[str] = BASE) -> Schema | Missing:
        """Return the schema of what a path leads to, or what is missing.

        Args:
            path: The path.
            roots: Where paths may start.
        """
        root = str(path[0])
        if root not in roots:
            return Missing(f"there is no '{root}' here.", nearest(root, list(roots)))
        if root == "parameters":
            return self._of_parameters(path[1:])
        if root == "workflow":
            return follow(self._workflow, path[1:], ("workflow",), self._workflow)
        if root == "nodes":
            return self._of_node(path)
        return ANY

    def element_at(self, over: Any) -> Schema:
        """Return the schema of the elements of a map."""
        if not isinstance(over, str):
            return ANY
        part = references.parse(over)[0]
        found = self.schema_at(part.path) if isinstance(part, Reference) else ANY
        items = ANY if isinstance(found, Missing) else found.get("items", ANY)
        return items if isinstance(items, Mapping) and "$ref" not in items else ANY

    def _of_parameters(self, path: Sequence[Key]) -> Schema | Missing:
        schema = self.spec.parameters or {}
        if not schema.get("properties") and path and not schema.get("additionalProperties"):
            return Missing("the workflow has no parameters.", "Declare it in 'parameters'.")
        return follow(schema, path, ("parameters",), schema)

    def _of_node(self, path: Place) -> Schema | Missing:
        if len(path) == 1:
            return Missing("it names no node.", "Write nodes.ID.output.")
        node = self.nodes.get(str(path[1]))
        if node is None:
            return Missing(f"there is no node '{path[1]}'.", nearest(str(path[1]), [*self.nodes]))
        output = self.output_of(node)
        status = {"type": "string", "enum": STATUSES}
        schema = {"type": "object", "properties": {"output": output, "status": status}}
        return follow(schema, path[2:], path[:2], output)

    def output_of(self, node: AnyNode) -> Schema:
        """Return the schema of a node's output, as far as it can be known."""
        if node.kind == "action" or (node.kind == "analysis" and node.tool):
            found = self.tools.output_schema(node.tool) if self.tools and node.tool else None
            return found if found is not None and node.kind == "action" else ANY
        if node.kind == "decision":
            return DECIDED
        if node.kind == "processing" and node.expression:
            return _of_expression(node.expression)
        return {"type": "array"} if isinstance(node, Map) else ANY


def _of_expression(text: str) -> Schema:
    try:
        returned = compile_expression(text, (*BASE, "input")).returns
    except ToolError:
        return ANY
    if returned in _CEL:
        return {"type": _CEL[returned]}
    kind = returned.partition("<")[0]
    return {"LIST": {"type": "array"}, "MAP": {"type": "object"}}.get(kind, ANY)
