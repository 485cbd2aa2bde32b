"""From the catalog and results to the shapes of MCP, as plain dictionaries.

Building dictionaries and not the SDK's models keeps a call at one dump instead of three; what we
build is checked against the SDK's models by the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mcp.calls.content import (
    Audio,
    Block,
    Embedded,
    Image,
    Link,
    Message,
    Result,
    Text,
    block_to_json,
    contents_to_json,
)
from jupyter_mcp.calls.operation import Prompt, Resource, Tool
from jupyter_mcp.errors import ToolError

Json = dict[str, Any]

_BLOCKS = (Text, Image, Audio, Link, Embedded)


def tool_to_wire(tool: Tool, icons: str) -> Json:
    """Return MCP's ``Tool``.

    Args:
        tool: The tool.
        icons: URL of the folder of icons; empty for none.
    """
    wire: Json = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description or None,
        "inputSchema": _open(tool.input_schema),
        "outputSchema": None if tool.output_schema is None else _brief(tool.output_schema),
        "annotations": _annotations(tool) or None,
        "icons": _icons(icons, tool.icon or tool.toolset),
        "_meta": dict(tool.meta) or None,
    }
    return _given(wire)


def _open(schema: Mapping[str, Any]) -> Json:
    """Leave out that there are no other arguments: another one is refused in a line anyway.

    A schema that names its dialect is a tool's own and stays as it is (SEP-1613).
    """
    if "$schema" in schema:
        return dict(schema)
    return {k: v for k, v in schema.items() if (k, v) != ("additionalProperties", False)}


def _brief(schema: Mapping[str, Any]) -> Json:
    """Leave out of what a tool returns which properties are always there: each result shows it.

    That was 7 % of the list of the default view, which each client reads and which has a limit.
    """
    if "$schema" in schema:
        return dict(schema)
    return {
        key: _briefly(key, value)
        for key, value in schema.items()
        if key != "required" or not isinstance(value, list)
    }


def _briefly(key: str, value: Any) -> Any:
    if key in ("properties", "$defs") and isinstance(value, Mapping):
        return {name: _brief(each) for name, each in value.items()}
    if key in ("items", "additionalProperties") and isinstance(value, Mapping):
        return _brief(value)
    return value


def _annotations(tool: Tool) -> Json:
    """Return the hints that differ from what the protocol takes for granted.

    MCP's defaults are: not read-only, destructive, not idempotent, open world; whether it destroys
    or is idempotent means nothing for a read-only tool. Each byte of a list costs all its readers.
    """
    hints: Json = {} if tool.open_world else {"openWorldHint": False}
    if tool.read_only:
        return {"readOnlyHint": True, **hints}
    if not tool.destructive:
        hints["destructiveHint"] = False
    if tool.idempotent:
        hints["idempotentHint"] = True
    return hints


def resource_to_wire(resource: Resource) -> Json:
    """Return MCP's ``Resource``, or ``ResourceTemplate`` when the URI has variables."""
    return _given(
        {
            "uriTemplate" if resource.is_template else "uri": resource.uri,
            "name": resource.name,
            "title": resource.title,
            "description": resource.description or None,
            "mimeType": resource.mime,
        }
    )


def link_to_wire(link: Link) -> Json:
    """Return a concrete resource of a toolset as MCP's ``Resource``."""
    wire = block_to_json(link)
    del wire["type"]
    return wire


def prompt_to_wire(prompt: Prompt) -> Json:
    """Return MCP's ``Prompt``."""
    required = set(prompt.input_schema.get("required", ()))
    arguments = [
        _given(
            {
                "name": name,
                "description": schema.get("description"),
                "required": name in required,
            }
        )
        for name, schema in prompt.input_schema.get("properties", {}).items()
    ]
    return _given(
        {
            "name": prompt.name,
            "title": prompt.title,
            "description": prompt.description or None,
            "arguments": arguments or None,
        }
    )


def tool_result(result: Result) -> Json:
    """Return MCP's ``CallToolResult``.

    The structured form of an error does not fit the tool's output schema; clients check only
    results that are no errors (SDK: ``validate_tool_result``), so it may say what went wrong.
    """
    wire: Json = {"content": [block_to_json(block) for block in result.content]}
    if result.structured is not None:
        wire["structuredContent"] = result.structured
    if result.is_error:
        wire["isError"] = True
    if result.meta:
        wire["_meta"] = dict(result.meta)
    return wire


def contents(value: Any, uri: str, mime: str | None) -> list[Json]:
    """Return what a resource function gave as MCP's ``ResourceContents``.

    Raises:
        TypeError: If it is neither text, bytes nor `Embedded` blocks.
    """
    parts = value if isinstance(value, list | tuple) else [value]
    return [contents_to_json(_embedded(part, uri, mime)) for part in parts]


def _embedded(part: Any, uri: str, mime: str | None) -> Embedded:
    if isinstance(part, Embedded):
        return part
    if isinstance(part, str | bytes):
        return Embedded(uri=uri, data=part, mime=mime)
    raise TypeError(f"A resource returns text, bytes or Embedded, not {type(part).__name__}.")


def messages(value: Any) -> list[Json]:
    """Return what a prompt function gave as MCP's ``PromptMessage`` list.

    Raises:
        TypeError: If it is neither text, blocks nor `Message` objects.
    """
    parts: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
    return [_message(part) for part in parts]


def _message(part: Any) -> Json:
    if isinstance(part, Message):
        return {"role": part.role, "content": block_to_json(part.content)}
    return {"role": "user", "content": block_to_json(_block(part))}


def _block(part: Any) -> Block:
    if isinstance(part, str):
        return Text(part)
    if isinstance(part, _BLOCKS):
        return part
    raise TypeError(f"A prompt returns text, blocks or messages, not {type(part).__name__}.")


def cancelled() -> Result:
    """Return the result of a call that somebody else than its client cancelled."""
    return Result.from_error(
        ToolError("cancelled", "The call was cancelled.", "Ask the person before you try again.")
    )


def _icons(folder: str, name: str) -> list[Json] | None:
    return [{"src": f"{folder}{name}.svg"}] if folder else None


def _given(wire: Mapping[str, Any]) -> Json:
    return {key: value for key, value in wire.items() if value is not None}
