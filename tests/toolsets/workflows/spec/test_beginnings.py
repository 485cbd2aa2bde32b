from __future__ import annotations

import pytest

from jupyter_mcp.toolsets.workflows.spec.beginnings import missing, notebooks_of
from jupyter_mcp.toolsets.workflows.spec.parsing import parse

RUN = "{id: run, kind: notebook, path: a.ipynb, "
INNER = "workflow: {name: i, nodes: [{id: n, kind: notebook, path: a.ipynb}]}"


def found(*nodes: str) -> list[str]:
    spec = parse("name: a\nparameters: {properties: {x: {}}}\nnodes:\n- " + "\n- ".join(nodes))
    return [str(each) for each in missing(notebooks_of(spec), ["a.ipynb"])]


@pytest.mark.parametrize(
    ("node", "place"),
    [
        (f"{RUN}}}", "nodes[1].path"),
        (f"{RUN}needs: [w]}}", "nodes[1].path"),
        ("{id: m, kind: map, over: [1], node: {kind: notebook, path: a.ipynb}}", "nodes[1].node."),
        (f"{{id: s, kind: subworkflow, needs: [w], {INNER}}}", "nodes[1].workflow.nodes[0].path"),
    ],
)
def test_a_notebook_that_nothing_can_make_is_looked_for(node: str, place: str) -> None:
    (told,) = found("{id: w, kind: processing, expression: '1'}", node)
    assert told.startswith(place)
    assert told.endswith(
        "There is no notebook 'a.ipynb'. "
        "Correct the path, or name the node that makes it in 'needs'."
    )
    assert list(missing([((), "a.ipynb")], ["b.ipynb"])) == []


@pytest.mark.parametrize(
    "before",
    [
        "{id: w, kind: action, tool: git_clone}",
        "{id: w, kind: processing, kernel_id: k, code: 'def run(input): pass'}",
        "{id: w, kind: notebook, path: '${parameters.x}'}",
        "{id: w, kind: approval, message: Is it there?}",
        "{id: w, kind: wait, seconds: 1}",
        "{id: w, kind: map, over: [1], node: {kind: wait, seconds: 1}}",
        f"{{id: w, kind: subworkflow, when: 'true', {INNER}}}",
        "{id: w, kind: processing, expression: '1', when: parameters.x}",
    ],
)
def test_one_that_something_before_may_make_is_not(before: str) -> None:
    between = "{id: b, kind: processing, expression: '1', needs: [w]}"
    assert found(before, f"{RUN}needs: [w]}}") == []
    assert found(before, between, f"{RUN}parameters: {{b: '${{nodes.b.output}}'}}}}") == []


@pytest.mark.parametrize(
    "node",
    [
        "{id: run, kind: notebook, path: '${parameters.x}.ipynb'}",
        f"{RUN}when: parameters.x}}",
        f"{RUN}retry: {{attempts: 2}}}}",
        "{id: m, kind: map, over: '${parameters.x}', node: {kind: notebook, path: a.ipynb}}",
        "{id: m, kind: map, over: [], node: {kind: notebook, path: a.ipynb}}",
        "{id: s, kind: subworkflow, workflow: other@1.0.0}",
        f"{{id: s, kind: subworkflow, retry: {{attempts: 2}}, {INNER}}}",
    ],
)
def test_one_that_may_not_be_run_or_be_tried_again_is_not(node: str) -> None:
    assert found(node) == []


def test_one_of_a_branch_is_not() -> None:
    decide = "{id: d, kind: decision, branches: [{name: yes, when: 'true', next: [run]}]}"
    assert found(decide, f"{RUN}}}", f"{RUN.replace('run,', 'also,')}needs: [run]}}") == []
    (also,) = found(decide, f"{RUN}}}", f"{RUN.replace('run,', 'also,')}needs: [d]}}")
    assert also.startswith("nodes[2].path")


def test_a_circle_is_told_elsewhere() -> None:
    assert found(f"{RUN}needs: [w]}}", "{id: w, kind: wait, seconds: 1, needs: [run]}") == []
