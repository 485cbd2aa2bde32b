from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import graph
from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.models import ProcessingNode
from jupyter_mcp.toolsets.workflows.spec.notebook import from_notebook
from jupyter_mcp.toolsets.workflows.spec.parsing import read

Cell = tuple[str, str, Sequence[str]]
NEW = {
    "code": nbformat.v4.new_code_cell,
    "raw": nbformat.v4.new_raw_cell,
    "markdown": nbformat.v4.new_markdown_cell,
}

CELLS: list[Cell] = [
    ("raw", "name: nightly\nversion: 1.0.0", ["workflow"]),
    ("code", "path = 'a.csv'\nlimit: float = 0.5\nrest = len(path)", ["parameters"]),
    ("code", "import json", []),
    ("markdown", "Some text.\n\n## Load the rows", []),
    ("code", "rows = [1, 2, len(path)]\nrows", ["node:load-rows"]),
    ("code", "def run(input):\n    return sum(input['load_rows'])", ["node:add"]),
    (
        "raw",
        "channel: panel\nbody: It is ${nodes.add.output}.",
        ["node:tell", "kind:notification"],
    ),
    ("code", "limit", ["node:aside", "needs:"]),
    ("code", "1", ["node:end", "needs:tell", "needs:aside"]),
]


def text_of(*cells: Cell) -> str:
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    for kind, source, tags in cells:
        cell = NEW[kind](source)
        cell.metadata.tags = list(tags)
        notebook.cells.append(cell)
    return str(nbformat.writes(notebook))  # type: ignore[no-untyped-call]


def test_tagged_cells_become_nodes() -> None:
    spec = from_notebook(text_of(*CELLS), kernel_id="k-1")
    assert (spec.name, spec.version) == ("nightly", "1.0.0")
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "default": "a.csv"},
            "limit": {"type": "number", "default": 0.5},
        },
        "required": [],
    }
    assert [(node.id, node.kind, node.title) for node in spec.nodes] == [
        ("load-rows", "processing", "Load the rows"),
        ("add", "processing", None),
        ("tell", "notification", None),
        ("aside", "processing", None),
        ("end", "processing", None),
    ]
    assert graph.needs(spec) == {
        "load-rows": set(),
        "add": {"load-rows"},
        "tell": {"add"},
        "aside": set(),
        "end": {"tell", "aside"},
    }
    assert check(spec, parameters={}) == []


def test_the_head_says_who_is_told_how_a_run_ends() -> None:
    head = "notify:\n- {channel: panel, body: '${workflow.error.message}'}"
    spec = from_notebook(text_of(("raw", head, ["workflow"]), *CELLS[4:5]), sandbox_id="s-1")
    assert [(each.channel, each.body) for each in spec.notify] == [
        ("panel", "${workflow.error.message}")
    ]


def test_a_cell_runs_as_cells_do() -> None:
    spec = from_notebook(text_of(*CELLS), sandbox_id="s-1")
    load, add = spec.nodes[:2]
    assert isinstance(load, ProcessingNode)
    assert isinstance(add, ProcessingNode)
    assert load.sandbox_id == "s-1"
    assert add.input["load_rows"] == "${nodes.load-rows.output}"
    space: dict[str, Any] = {}
    exec(str(load.code), space)
    assert space["run"]({"path": "abc"}) == [1, 2, 3]
    assert space["rows"] == [1, 2, 3]


def test_without_a_kernel_it_is_a_parameter() -> None:
    spec = from_notebook(text_of(*CELLS))
    assert spec.parameters is not None
    assert spec.parameters["required"] == ["kernel_id"]
    (problem,) = check(spec, parameters={})
    assert "'kernel_id' is a required property" in problem.message


def test_a_notebook_may_be_data() -> None:
    notebook = nbformat.reads(text_of(*CELLS), as_version=4)  # type: ignore[no-untyped-call]
    assert from_notebook(dict(notebook)) == from_notebook(text_of(*CELLS))


@pytest.mark.parametrize(
    ("notebook", "told"),
    [
        ("{}", "This is no notebook. Give the JSON of an .ipynb file."),
        ("x", "This is no notebook. Give the JSON of an .ipynb file."),
        (text_of(), "No cell of the notebook is a node. Give cells tags such as 'node:load'."),
        (
            text_of(("code", "%matplotlib inline", ["node:a"])),
            "cell 1: A node can hold no magics. Write it as Python.",
        ),
        (
            text_of(("markdown", "x", []), ("code", "1", ["node:a", "kind:wait"])),
            (
                "cell 2: A code cell cannot be of the kind 'wait'. Take out the tag, or write the "
                "fields as YAML in a raw cell."
            ),
        ),
        (
            text_of(("markdown", "x", ["node:a"])),
            "cell 1: A node is a code cell or a raw cell with YAML. Change the cell's type.",
        ),
        (
            text_of(("raw", "seconds: [", ["node:a", "kind:wait"])),
            (
                "cell 1 (line 2, column 1): This is no valid YAML: did not find expected node "
                "content."
            ),
        ),
        (
            text_of(("raw", "secnds: 1", ["node:a", "kind:wait"])),
            (
                "cell 1, nodes[0].secnds: There is no field 'secnds' in a node of the kind 'wait'. "
                "Did you mean 'seconds'?"
            ),
        ),
        (
            text_of(("raw", "nmae: a", ["workflow"]), ("code", "1", ["node:a"])),
            "cell 1: There is no field 'nmae' in a workflow's head. Did you mean 'name'?",
        ),
        (
            text_of(("raw", "parameters: [a]", ["workflow"]), ("code", "1", ["node:a"])),
            (
                "cell 1, parameters: These parameters are no JSON Schema of an object. "
                "Write 'type: object'."
            ),
        ),
        (
            text_of(("code", "1", ["node:a b"])),
            (
                "cell 1, nodes[0].id: 'a b' is no id. Use letters, digits, '_' and '-', no digit "
                "first, at most 64 characters."
            ),
        ),
    ],
)
def test_a_mistake_is_told_with_its_cell(notebook: str, told: str) -> None:
    with pytest.raises(ToolError) as refused:
        from_notebook(notebook)
    assert str(refused.value) == f"The workflow is not right. {told}"


TAGS = st.sampled_from(
    ["node:a", "node:b", "node:", "kind:wait", "kind:x", "needs:a", "parameters", "workflow"]
)
SOURCES = st.text(max_size=20) | st.sampled_from(["seconds: 1", "parameters: 3", "x = 1", "[1]"])


@given(
    st.lists(
        st.tuples(st.sampled_from(list(NEW)), SOURCES, st.lists(TAGS, max_size=3, unique=True))
    )
)
def test_any_notebook_is_a_spec_or_refused(cells: list[Cell]) -> None:
    try:
        spec = from_notebook(text_of(*cells))
    except ToolError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both ways are right
    else:
        check(spec)


def test_a_notebook_is_a_spec_wherever_one_is_read() -> None:
    document = read(text_of(*CELLS))
    assert document.spec is not None
    assert document.spec.name == "nightly"
    assert "kernel_id" in (document.spec.parameters or {})["required"]
    wrong = read(text_of(("code", "1 +", ["node:a"])))
    assert wrong.spec is None
    assert "cell" in wrong.problems[0].place.lower() + wrong.problems[0].message.lower()
