"""Writes docs/reference/ from the code: `python scripts/reference.py [--check]`.

With `--check` it writes nothing and exits with 1 when a page is not what the code says.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import workflow_spec

from jupyter_mcp.calls import Toolset
from jupyter_mcp.calls.operation import Prompt, Resource, Tool
from jupyter_mcp.config import Settings, SettingsTraits
from jupyter_mcp.runtime import Runtime

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
GENERATED = "<!-- Written by `make reference`; change the code instead. -->\n\n"


async def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    with tempfile.TemporaryDirectory() as state:
        runtime = Runtime(Settings(state_dir=state))
        await runtime.start()
        toolsets = runtime.catalog.toolsets
        tools = "".join(_toolset(toolset) for toolset in toolsets)
        await runtime.stop()
    head = "# Tools, resources and prompts\n\n"
    return {
        "tools.md": head + GENERATED + tools,
        "settings.md": "# Settings\n\n" + GENERATED + _settings(),
        "workflow-spec.md": "# The spec of a workflow\n\n" + GENERATED + workflow_spec.page(),
        "workflow-spec.schema.json": workflow_spec.schema(),
    }


def _toolset(toolset: Toolset) -> str:
    lines = [f"## {toolset.title}: `{toolset.name}`", "", toolset.description, ""]
    for operation in sorted(toolset.operations, key=lambda op: op.name):
        if isinstance(operation, Tool):
            lines += _tool(operation)
    resources = [op for op in toolset.operations if isinstance(op, Resource)]
    prompts = [op for op in toolset.operations if isinstance(op, Prompt)]
    if resources:
        lines += ["### Resources", "", "| URI | contents |", "| --- | --- |"]
        lines += [f"| `{op.uri}` | {_cell(op.description)} |" for op in resources] + [""]
    if prompts:
        lines += ["### Prompts", "", "| name | arguments | what for |", "| --- | --- | --- |"]
        lines += [_prompt(op) for op in prompts] + [""]
    return "\n".join(lines) + "\n"


def _tool(tool: Tool) -> list[str]:
    marks = {
        "read only": tool.read_only,
        "destructive": tool.destructive,
        "idempotent": tool.idempotent,
        "open world": tool.open_world,
    }
    facts = ", ".join([f"scope `{tool.scope}`", *(mark for mark, holds in marks.items() if holds)])
    return [f"### `{tool.name}`", "", f"{tool.description} ({facts})", "", *_arguments(tool), ""]


def _arguments(tool: Tool) -> Iterator[str]:
    properties: dict[str, Any] = tool.input_schema.get("properties", {})
    if not properties:
        return
    required = set(tool.input_schema.get("required", ()))
    yield "| argument | type | default | |"
    yield "| --- | --- | --- | --- |"
    for name, schema in properties.items():
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        default = "required" if name in required else default
        yield f"| `{name}` | {_type(schema)} | {default} | {_cell(schema.get('description', ''))} |"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " \\| ".join(_type(branch) for branch in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _prompt(prompt: Prompt) -> str:
    arguments = ", ".join(f"`{name}`" for name in prompt.input_schema.get("properties", {}))
    return f"| `{prompt.name}` | {arguments} | {_cell(prompt.description)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _settings() -> str:
    lines = [
        "Set them in `jupyter_server_config.py` as `c.JupyterMCP.NAME = …`, or on the command line",
        "as `--JupyterMCP.NAME=…`.",
        "",
        "| name | default | |",
        "| --- | --- | --- |",
    ]
    for name, trait in sorted(SettingsTraits.class_traits(config=True).items()):
        default = getattr(SettingsTraits(), name)
        lines.append(f"| `{name}` | `{default!r}` | {_cell(trait.help)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the pages, or check them."""
    stale = []
    for name, text in asyncio.run(pages()).items():
        file = FOLDER / name
        text = text.rstrip() + "\n"  # noqa: PLW2901 - a file ends with one line end
        if file.exists() and file.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(text)
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"docs/reference is stale ({', '.join(stale)}): run `make reference`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
