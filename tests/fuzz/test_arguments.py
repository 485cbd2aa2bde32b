"""Arguments of every operation: they fit, or the caller is told in one line why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from jupyter_mcp.calls.operation import Completer, Operation, Prompt, Tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.arguments import arguments as typed
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.ipython.words import split
from support.arena import Arena
from support.fuzzing import JSON, TEXT, arrived, fuzz, mutated
from support.runtimes import OWNER

WAITING = frozenset(
    {"probe_wait", "probe_fail", "probe_flood", "probe_began", "probe_was_cancelled", "probe_count"}
)
"""Tools that wait or fail by design."""


def operations(arena: Arena) -> list[Operation]:
    """Return everything of the catalog."""
    return [op for toolset in arena.runtime.catalog.toolsets for op in toolset.operations]


LEAVES: Mapping[Any, st.SearchStrategy[Any]] = {
    "string": TEXT | st.just("nb.ipynb"),
    "integer": st.integers() | st.integers(-3, 3),
    "number": st.floats() | st.integers(-3, 3),
    "boolean": st.booleans(),
}


def fitting(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that nearly fit a schema: the right shape, now and then a wrong leaf."""
    if "enum" in schema:
        return st.sampled_from(list(schema["enum"])) | JSON
    if "anyOf" in schema:
        return st.one_of([fitting(branch) for branch in schema["anyOf"]])
    if schema.get("type") == "array":
        return st.lists(fitting(schema.get("items", {})), max_size=3)
    return (
        objects(schema) if schema.get("type") == "object" else LEAVES.get(schema.get("type"), JSON)
    )


def objects(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return objects that nearly fit a schema."""
    found = {name: fitting(each) for name, each in schema.get("properties", {}).items()}
    required = {name: each for name, each in found.items() if name in schema.get("required", ())}
    rest = {name: each for name, each in found.items() if name not in required}
    return st.fixed_dictionaries(required, optional=rest)


def refused(operation: Operation, given: Any) -> None:
    """Parse arguments; only a `ToolError` of one line may come of it."""
    try:
        operation.parse(given)
    except ToolError as error:
        told = error
    else:
        return
    assert told.code == "invalid_arguments"
    assert len(str(told)) < 1500
    assert "\n" not in str(told)


@fuzz(share=3, data=st.data())
def test_every_schema_takes_or_refuses(arena: Arena, data: st.DataObject) -> None:
    parsed = [op for op in operations(arena) if not isinstance(op, Prompt | Completer)]
    operation = data.draw(st.sampled_from(parsed))
    nearly = objects(operation.input_schema)
    given = data.draw(nearly | mutated(nearly) | st.dictionaries(TEXT, JSON, max_size=3))
    if isinstance(given, dict):
        refused(operation, given)


@fuzz(share=3, data=st.data())
def test_no_reading_tool_fails_unforeseen(arena: Arena, data: st.DataObject) -> None:
    catalog = arena.runtime.catalog
    tools = [op for op in operations(arena) if isinstance(op, Tool) and op.scope == "read"]
    tool = data.draw(st.sampled_from([op for op in tools if op.name not in WAITING]))
    given = arrived(data.draw(objects(tool.input_schema)))
    call = arena.runtime.call_tool(
        tool.name, given, OWNER, "test", selection=catalog.selection("all"), timeout=10
    )
    result = arena.run(call)
    if result.error is not None:
        assert result.error.code != "internal", result.error


@fuzz(data=st.data())
def test_any_path_stays_below_the_root(arena: Arena, data: st.DataObject) -> None:
    assert arena.runtime.jupyter is not None
    home = Path(arena.runtime.jupyter.root_dir).parent
    before = sorted(str(path) for path in home.glob("*"))
    path = data.draw(TEXT | st.tuples(TEXT, TEXT).map("/".join)) + ".ipynb"
    for name, given in (
        ("notebook_create", {"path": path}),
        ("cell_insert", {"path": path, "source": "1"}),
        ("notebook_read", {"path": path}),
        ("notebook_undo", {"path": path}),
    ):
        result = arena.run(arena.runtime.call_tool(name, given, OWNER, "test"))
        assert result.error is None or result.error.code != "internal", result.error
    assert sorted(str(path) for path in home.glob("*")) == before


@fuzz(line=TEXT | st.text("ab=:\"'[]{}\\ ,1\n", max_size=40) | JSON.map(json.dumps))
def test_any_line_of_a_magic_is_read_or_refused(arena: Arena, line: str) -> None:
    tools = [op for op in operations(arena) if isinstance(op, Tool)]
    for tool in tools:
        info = ToolInfo(tool.name, input_schema=dict(tool.input_schema))
        told = ""
        try:
            typed(info, split(line), complete=False)
        except ToolError as error:
            told = str(error)
        assert "\n" not in told
