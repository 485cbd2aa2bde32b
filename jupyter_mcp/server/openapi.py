"""The HTTP API as an OpenAPI 3.1 document, made from the catalog: it cannot say what is not so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mcp.calls.operation import Tool

Json = dict[str, Any]

_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "remedy": {"type": "string"},
                "data": {"type": "object"},
            },
        }
    },
}
_CALL: Json = {
    "type": "object",
    "required": ["id", "name", "kind", "status", "started", "seconds", "is_error"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "kind": {"type": "string"},
        "principal": {"type": "string"},
        "client": {"type": "string"},
        "door": {"type": "string"},
        "status": {"enum": ["running", "succeeded", "failed", "cancelled"]},
        "is_error": {"type": "boolean"},
        "started": {"type": "number"},
        "seconds": {"type": "number"},
        "progress": {"type": "object"},
        "result": {"$ref": "#/components/schemas/Result"},
    },
}
_RESULT: Json = {
    "type": "object",
    "required": ["is_error", "content"],
    "properties": {
        "id": {"type": "string"},
        "is_error": {"type": "boolean"},
        "content": {"type": "array", "items": {"type": "object"}},
        "structured": {"type": "object"},
    },
}
_STATUS: Json = {
    "type": "object",
    "required": ["version", "endpoint", "state", "toolsets", "tools", "problems", "calls"],
    "properties": {
        "version": {"type": "string"},
        "endpoint": {"type": "string"},
        "state": {"enum": ["idle", "ready"]},
        "toolsets": {"type": "array", "items": {"type": "object"}},
        "tools": {"type": "integer"},
        "problems": {"type": "array", "items": {"type": "object"}},
        "calls": {
            "type": "object",
            "properties": {
                "running": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}},
                "recent": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}},
            },
        },
    },
}
_TOOLS: Json = {
    "type": "object",
    "required": ["tools"],
    "properties": {
        "tools": {
            "type": "array",
            "items": {"type": "object", "required": ["name", "inputSchema", "toolset", "scope"]},
        }
    },
}
_CALL_ID: Json = {
    "name": "call_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "pattern": "^[0-9a-f]+$"},
}
_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A call with a key that was used before is not done again: its result is.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
_RETRY_AFTER: Json = {
    "description": "Seconds after which another try makes sense.",
    "schema": {"type": "integer"},
}
_REFUSALS = ("400", "401", "403", "404", "413")


def document(url: str, version: str, tools: Sequence[Tool], toolsets: Sequence[str]) -> Json:
    """Return the OpenAPI document.

    Args:
        url: Path of the API on this server.
        version: Our version.
        tools: The tools that the caller sees.
        toolsets: The names that the parameter ``toolsets`` may choose from.
    """
    chosen = [_toolsets(toolsets)]
    schemas: Json = {"Error": _ERROR, "Call": _CALL, "Result": _RESULT, "Status": _STATUS}
    paths: Json = {
        "/tools": {"get": _operation("List the tools", _TOOLS, parameters=chosen)},
        "/status": {"get": _operation("Tell the status", _reference("Status"))},
        "/openapi.json": {
            "get": _operation("Describe this API", {"type": "object"}, parameters=chosen)
        },
        "/calls/{call_id}": {
            "get": _operation("Look at a call", _reference("Call"), parameters=[_CALL_ID])
        },
        "/calls/{call_id}/cancel": {
            "post": _operation("Cancel a call", _reference("Call"), parameters=[_CALL_ID])
        },
    }
    for tool in tools:
        paths[f"/tools/{tool.name}"] = {"post": _tool_operation(tool, schemas)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter_mcp", "version": version},
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _toolsets(names: Sequence[str]) -> Json:
    one = "|".join(names)
    return {
        "name": "toolsets",
        "in": "query",
        "description": "Names of toolsets joined by commas, or 'all'; without it the core.",
        "schema": {"type": "string", "pattern": f"^(|all|({one})(,({one}))*)$"},
    }


def _tool_operation(tool: Tool, schemas: Json) -> Json:
    arguments = _hoisted(tool.input_schema, f"{tool.name}.in", schemas)
    success: Json = {"allOf": [_reference("Result")]}
    if tool.output_schema is not None:
        structured = _hoisted(tool.output_schema, f"{tool.name}.out", schemas)
        success["properties"] = {"structured": structured}
    failure = {"anyOf": [_reference("Error"), _reference("Result")]}
    operation = _operation(tool.title or tool.name, success, failure=failure)
    operation |= {
        "operationId": tool.name,
        "description": tool.description,
        "tags": [tool.toolset],
        "requestBody": {
            "required": bool(arguments.get("required")),
            "content": {"application/json": {"schema": arguments}},
        },
    }
    operation["parameters"] = [_IDEMPOTENCY_KEY]
    for status in ("408", "409", "415", "429", "500"):
        operation["responses"][status] = _response("The call failed", failure)
    operation["responses"]["429"]["headers"] = {"Retry-After": _RETRY_AFTER}
    return operation


def _operation(
    summary: str, success: Json, *, failure: Json | None = None, parameters: Sequence[Json] = ()
) -> Json:
    responses = {"200": _response("It worked", success)}
    for status in _REFUSALS:
        responses[status] = _response("Refused", failure or _reference("Error"))
    operation: Json = {"summary": summary, "responses": responses}
    return {**operation, "parameters": list(parameters)} if parameters else operation


def _response(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _hoisted(schema: Any, prefix: str, schemas: Json) -> Json:
    """Move the definitions of a recursive schema to where this document's references look."""
    text = json.dumps(schema).replace('"#/$defs/', f'"#/components/schemas/{prefix}.')
    moved: Json = json.loads(text)
    for name, definition in moved.pop("$defs", {}).items():
        schemas[f"{prefix}.{name}"] = definition
    return moved
