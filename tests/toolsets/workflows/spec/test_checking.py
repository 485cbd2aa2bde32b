from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.workflows.spec.arguments import with_defaults
from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.spec.parsing import parse, read
from support.specs import HEAD, FewTools, told

BAD = [
    (
        "- {id: load, kind: wait, seconds: 1}",
        "nodes[1].id (line 8, column 4): There is another node 'load'. Give each its own id.",
    ),
    (
        "- {id: w, kind: wait, seconds: 1, needs: [laod]}",
        "nodes[1].needs[0] (line 8, column 43): There is no node 'laod'. Did you mean 'load'?",
    ),
    (
        "- {id: w, kind: wait, seconds: 1, needs: [w]}",
        "nodes[1].needs[0] (line 8, column 43): The node 'w' waits for itself. Take it out.",
    ),
    (
        (
            "- {id: b, kind: wait, seconds: 1, needs: [c]}\n"
            "- {id: c, kind: wait, seconds: '${nodes.d.output}'}\n"
            "- {id: d, kind: wait, seconds: 1, when: 'nodes.b.output > 1'}"
        ),
        (
            "nodes[1] (line 8, column 3): The nodes wait for each other: b → d → c → b. "
            "Take out one of these needs or references."
        ),
    ),
    (
        "- {id: w, kind: wait, seconds: '${nodes.w.output}'}",
        (
            "nodes[1].seconds (line 8, column 23): ${nodes.w.output}: a node cannot use its own "
            "output. It is there when the node has run."
        ),
    ),
    (
        "- {id: w, kind: wait, seconds: '${nodes.laod.output}'}",
        (
            "nodes[1].seconds (line 8, column 23): ${nodes.laod.output}: there is no node "
            "'laod'. Did you mean 'load'?"
        ),
    ),
    (
        "- {id: w, kind: wait, seconds: '${parameters.line}'}",
        (
            "nodes[1].seconds (line 8, column 23): ${parameters.line}: there is no 'line' in "
            "parameters. Did you mean 'lines'?"
        ),
    ),
    (
        "- {id: n, kind: approval, message: '${paramters.path}'}",
        (
            "nodes[1].message (line 8, column 27): ${paramters.path}: there is no 'paramters' "
            "here. Did you mean 'parameters'?"
        ),
    ),
    (
        "- {id: n, kind: approval, message: 'Is ${1 + 1} right?'}",
        (
            "nodes[1].message (line 8, column 27): '${1 + 1}' is no reference (column 4). Write "
            "a path such as '${parameters.x}'; expressions compute, references do not."
        ),
    ),
    (
        "- {id: n, kind: approval, message: '${nodes.load.output.txt}'}",
        (
            "nodes[1].message (line 8, column 27): ${nodes.load.output.txt}: there is no 'txt' "
            "in nodes.load.output. Did you mean 'text'?"
        ),
    ),
    (
        "- {id: n, kind: approval, message: '${nodes.load.output.rows[0].nam}'}",
        (
            "nodes[1].message (line 8, column 27): ${nodes.load.output.rows[0].nam}: there is "
            "no 'nam' in nodes.load.output.rows[0]. Did you mean 'name'?"
        ),
    ),
    (
        "- {id: n, kind: approval, message: '${nodes.load.output.text.x}'}",
        (
            "nodes[1].message (line 8, column 27): ${nodes.load.output.text.x}: "
            "nodes.load.output.text is text, which has no parts."
        ),
    ),
    (
        "- {id: n, kind: approval, message: '${nodes.load.outptu}'}",
        (
            "nodes[1].message (line 8, column 27): ${nodes.load.outptu}: there is no 'outptu' "
            "in nodes.load. Did you mean 'output'?"
        ),
    ),
    (
        "- {id: t, kind: action, tool: file_raed}",
        (
            "nodes[1].tool (line 8, column 25): There is no tool 'file_raed'. "
            "Did you mean 'file_read' or 'file_write'?"
        ),
    ),
    (
        "- {id: t, kind: action, tool: file_read}",
        (
            "nodes[1].arguments (line 8, column 3): The tool 'file_read' does not take this: "
            "'path' is a required property."
        ),
    ),
    (
        "- {id: t, kind: action, tool: file_read, arguments: {path: a, lines: 0}}",
        (
            "nodes[1].arguments.lines (line 8, column 63): The tool 'file_read' does not take "
            "this: 0 is less than the minimum of 1."
        ),
    ),
    (
        "- {id: t, kind: action, tool: file_read, arguments: {path: '${nodes.load.output.size}'}}",
        (
            "nodes[1].arguments.path (line 8, column 54): The tool 'file_read' does not take "
            "this: ${nodes.load.output.size} is a whole number, but text is wanted."
        ),
    ),
    (
        "- {id: t, kind: action, tool: file_read, arguments: {path: a, lines: 'n${parameters.lines}'}}",  # noqa: E501 - one line of a spec
        (
            "nodes[1].arguments.lines (line 8, column 63): The tool 'file_read' does not take "
            "this: 'n${parameters.lines}' is text, but a whole number is wanted."
        ),
    ),
    (
        "- {id: w, kind: wait, seconds: 1, when: nodes.load.output.size >}",
        (
            "nodes[1].when (line 8, column 35): Column 25: it ends too early in "
            "'nodes.load.output.size >'. See https://cel.dev for the language."
        ),
    ),
    (
        "- {id: w, kind: wait, seconds: 1, when: '1 + 1'}",
        (
            "nodes[1].when (line 8, column 35): This is int and neither true nor false. "
            "Compare it with something."
        ),
    ),
    (
        "- {id: w, kind: wait, seconds: 1, when: nodes.load.output.sise > 1}",
        (
            "nodes[1].when (line 8, column 35): nodes.load.output.sise: there is no 'sise' in "
            "nodes.load.output. Did you mean 'size'?"
        ),
    ),
    (
        "- {id: w, kind: wait, seconds: 1, when: input > 1}",
        (
            "nodes[1].when (line 8, column 35): Column 1: there is no variable 'input' in "
            "'input > 1'. There is 'nodes', 'parameters', 'workflow'."
        ),
    ),
    (
        "- {id: d, kind: decision, branches: [{name: x, when: 'true', next: [q]}]}",
        (
            "nodes[1].branches[0].next[0] (line 8, column 69): There is no node 'q'. "
            "There is 'load', 'd'."
        ),
    ),
    (
        (
            "- {id: d, kind: decision, branches: [{name: x, when: 'true', next: [e]}],"
            " otherwise: {next: [f]}}\n"
            "- {id: e, kind: wait, seconds: '${nodes.f.output.x}'}\n"
            "- {id: f, kind: wait, seconds: 1}"
        ),
        (
            "nodes[2].seconds (line 9, column 23): ${nodes.f.output.x}: 'f' never runs when 'e' "
            "does. They are in different branches of 'd'."
        ),
    ),
    (
        (
            "- {id: m, kind: map, over: '${nodes.load.output.rows}', as: row,"
            " node: {kind: wait, seconds: '${item}'}}"
        ),
        (
            "nodes[1].node.seconds (line 8, column 85): ${item}: there is no 'item' here. "
            "There is 'parameters', 'nodes', 'workflow', 'row'."
        ),
    ),
    (
        (
            "- {id: s, kind: subworkflow, workflow: {name: i, parameters: {type: object,"
            " required: [q], properties: {q: {type: integer}}},"
            " nodes: [{id: w, kind: wait, seconds: 1}]}}"
        ),
        (
            "nodes[1].parameters (line 8, column 3): The workflow 'i' does not take these "
            "parameters: 'q' is a required property."
        ),
    ),
]


@pytest.mark.parametrize(("node", "message"), BAD)
def test_a_mistake_is_told_in_one_line_with_its_place(node: str, message: str) -> None:
    assert told(HEAD + node) == [message]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            "kind: map, over: '${nodes.load.output.text}', node: {kind: wait, seconds: 1}",
            "over (line {}): ${nodes.load.output.text} is text, but a list is wanted.",
        ),
        (
            "kind: wait, seconds: '${nodes.load.output.text}'",
            "seconds (line {}): ${nodes.load.output.text} is text, but a number is wanted.",
        ),
        (
            "kind: map, over: [1], node: {kind: wait, until: '${nodes.load.output.rows}'}",
            "node.until (line {}): ${nodes.load.output.rows} is a list, but text is wanted.",
        ),
        (
            "kind: notebook, path: a.ipynb, parameters: '${nodes.load.output.rows}'",
            "parameters (line {}): ${nodes.load.output.rows} is a list, but a mapping is wanted.",
        ),
    ],
)
def test_a_value_of_another_type_fits_no_field(fields: str, message: str) -> None:
    (found,) = told(HEAD + "- {id: x, " + fields + "}")
    place, said = message.split(" (line {})")
    assert place in found
    assert said in found


@pytest.mark.parametrize(
    "node",
    [
        "- {id: t, kind: action, tool: file_read, arguments: {path: a, encoding: '${nodes.load.output.text}'}}",  # noqa: E501 - one line of a spec
        "- {id: t, kind: action, tool: file_read, arguments: {path: '${nodes.load.output.rows.0.name}', lines: '${parameters.lines}'}}",  # noqa: E501 - likewise
        "- {id: t, kind: action, tool: file_write, arguments: {any: '$${x}'}, compensate: {tool: file_write, arguments: {x: '${nodes.t.output.y}'}}}",  # noqa: E501 - likewise
        "- {id: w, kind: wait, seconds: 1, when: 'has(nodes.load.output.other) && has(parameters.other)'}",  # noqa: E501 - likewise
        "- {id: p, kind: processing, input: 1, expression: 'input + 1', rules: [{expression: 'output > input', message: m}]}",  # noqa: E501 - likewise
        "- {id: m, kind: map, over: '${nodes.load.output.rows}', node: {kind: action, tool: file_read, arguments: {path: '${item.name}'}}}",  # noqa: E501 - likewise
        "- {id: s, kind: subworkflow, workflow: other@1.0.0}",
    ],
)
def test_what_is_right_is_not_refused(node: str) -> None:
    assert told(HEAD + node) == []


NOTEBOOK = {"kind": "notebook", "path": "a.ipynb"}
CODE = {"kind": "processing", "code": "def run(input): return 1"}
TELLS = {"kind": "notification", "body": "b"}


@pytest.mark.parametrize(
    ("work", "missing"),
    [
        (NOTEBOOK, ["file_read", "file_write", "cell_run"]),
        ({**CODE, "sandbox_id": "s"}, ["file_write", "terminal_run", "file_read", "file_delete"]),
        ({**CODE, "kernel_id": "k"}, ["kernel_execute"]),
        ({**TELLS, "channel": "panel"}, ["workflow_notify"]),
        ({**TELLS, "channel": "email", "to": "a@example.org"}, []),
        ({"kind": "processing", "expression": "1"}, []),
    ],
)
def test_the_tools_that_a_kind_calls_by_itself_have_to_be_there(
    work: dict[str, Any], missing: list[str]
) -> None:
    each = {"id": "each", "kind": "map", "over": [1], "node": work}
    for node, place in (({"id": "a", **work}, "nodes[0].kind"), (each, "nodes[0].node.kind")):
        spec = parse({"name": "a", "nodes": [node]})
        assert check(spec, FewTools()) == []
        tools = FewTools("file_read", "file_write", "file_delete", "cell_run", "kernel_execute",
                         "terminal_run", "workflow_notify")  # fmt: skip
        found = check(spec, tools)
        assert [problem.place for problem in found] == [place] * len(missing)
        for problem, name in zip(found, missing, strict=True):
            assert f"calls '{name}'" in problem.message


def test_a_join_after_a_decision_is_not_refused() -> None:
    branches = (
        "- {id: d, kind: decision, branches: [{name: x, when: 'true', next: [e]}],"
        " otherwise: {next: [f]}}\n"
        "- {id: e, kind: wait, seconds: 1}\n"
        "- {id: f, kind: wait, seconds: 1}\n"
        "- {id: join, kind: approval, message: '${nodes.e.output} ${nodes.f.output}'}"
    )
    assert told(HEAD + branches) == []


def test_a_branch_never_sees_what_follows_the_other_one() -> None:
    branches = (
        "- {id: d, kind: decision, branches: [{name: x, when: 'true', next: [e]}],"
        " otherwise: {next: [f]}}\n"
        "- {id: e, kind: approval, message: '${nodes.after.output}'}\n"
        "- {id: f, kind: wait, seconds: 1}\n"
        "- {id: after, kind: wait, seconds: 1, needs: [f]}"
    )
    (message,) = told(HEAD + branches)
    assert "'after' never runs when 'e' does" in message


def test_all_mistakes_are_told() -> None:
    assert len(told(HEAD + "\n".join(node for node, _ in BAD[4:10]))) >= 6


@pytest.mark.parametrize(
    ("parameters", "messages"),
    [
        ({"path": "a"}, []),
        ({"path": "a", "lines": 4}, []),
        (
            {},
            ["The workflow 'a' does not take these parameters: 'path' is a required property."],
        ),
        (
            {"pth": "a", "path": "b"},
            ["The workflow 'a' has no parameter 'pth'. Did you mean 'path'?"],
        ),
        (
            {"path": 1},
            [
                (
                    "The workflow 'a' does not take these parameters: 'path': 1 is not of type "
                    "'string'."
                )
            ],
        ),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], messages: list[str]) -> None:
    assert told(HEAD, parameters=parameters) == messages


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"x": {"type": "string"}}, "its entries have to stand below 'properties'"),
        ({"x": "string"}, "its entries have to stand below 'properties'"),
        ({"type": "array"}, "it describes no object"),
        ({"properties": {"x": {"type": "text"}}}, "properties.x.type: 'text' is not valid"),
        ({"properties": {"x": {"pattern": "(?=a)"}}}, "the pattern '(?=a)' is none that RE2"),
        ({"patternProperties": {"a": {}}}, "'patternProperties' are not supported"),
    ],
)
def test_parameters_have_to_be_a_schema(schema: dict[str, Any], why: str) -> None:
    spec = parse({"name": "a", "parameters": schema, "nodes": [WAIT]})
    (problem,) = check(spec)
    assert problem.place == "parameters"
    assert why in problem.message


WAIT = {"id": "w", "kind": "wait", "seconds": 1}


def test_nothing_is_fetched_and_no_schema_hangs_the_check() -> None:
    schemas = [
        {"$ref": "https://example.invalid/schema"},
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"properties": {"x": {"$ref": "#/properties/x"}}},
        {"properties": {"x": {"$ref": "#/$defs/0"}}, "$defs": doubling("allOf")},
        {"properties": {"x": {"$ref": "#/$defs/0"}}, "$defs": doubling("anyOf")},
        {"properties": {"x": {"pattern": "^(a+)+$"}}},
    ]
    node = {"id": "t", "kind": "approval", "message": "${parameters.x.y.z}"}
    for schema in schemas:
        spec = parse({"name": "a", "parameters": schema, "nodes": [node]})
        assert len(check(spec, FewTools(), {"x": "a" * 40 + "!"})) < 3


def doubling(way: str) -> dict[str, Any]:
    made = {
        str(n): {way: [{"$ref": f"#/$defs/{n + 1}"}, {"$ref": f"#/$defs/{n + 1}"}]}
        for n in range(40)
    }
    return {**made, "40": {"type": "string"}}


class Templates:
    def spec(self, name: str) -> Spec | None:
        inner = {"id": "again", "kind": "subworkflow", "workflow": "loop@1.0.0"}
        specs = {
            "good@1.0.0": {"name": "good", "nodes": [WAIT]},
            "loop@1.0.0": {"name": "loop", "nodes": [inner]},
        }
        return parse(specs[name]) if name in specs else None


@pytest.mark.parametrize(
    ("template", "messages"),
    [
        ("good@1.0.0", []),
        ("gone@1.0.0", ["There is no template 'gone@1.0.0'."]),
        ("good", ["The template 'good' is named without a version."]),
    ],
)
def test_templates_have_to_be_there(template: str, messages: list[str]) -> None:
    node = {"id": "s", "kind": "subworkflow", "workflow": template}
    found = check(parse({"name": "a", "nodes": [node]}), templates=Templates())
    assert [problem.message for problem in found] == messages


def test_a_template_that_holds_itself_is_refused() -> None:
    node = {"id": "s", "kind": "subworkflow", "workflow": "loop@1.0.0"}
    (problem,) = check(parse({"name": "a", "nodes": [node]}), templates=Templates())
    assert "Subworkflows lie more than 5 deep" in problem.message
    assert problem.place == "nodes[0].workflow"


def test_there_are_not_too_many_nodes_with_those_inside() -> None:
    inner = [{**WAIT, "id": f"w{n}"} for n in range(300)]
    nodes = [
        {"id": f"s{n}", "kind": "subworkflow", "workflow": {"name": "i", "nodes": inner}}
        for n in range(2)
    ]
    (problem,) = check(parse({"name": "a", "nodes": nodes}))
    assert "more than 500 nodes" in problem.message


def test_defaults_stand_in_for_what_is_not_given() -> None:
    spec = parse(HEAD)
    assert with_defaults(spec, {"path": "a"}) == {"path": "a", "lines": 3}
    assert with_defaults(spec, {"path": "a", "lines": 4}) == {"path": "a", "lines": 4}
    required = {"required": ["x"], "properties": {"x": {"type": "integer", "default": 1}}}
    assert check(parse({"name": "a", "parameters": required, "nodes": [WAIT]}), None, {}) == []


def test_patterns_are_matched() -> None:
    schema = {"properties": {"x": {"type": "string", "pattern": "^[a-z]+$"}}}
    spec = parse({"name": "a", "parameters": schema, "nodes": [WAIT]})
    assert check(spec, parameters={"x": "abc"}) == []
    (problem,) = check(spec, parameters={"x": "ABC"})
    assert "'ABC' does not match '^[a-z]+$'" in problem.message


def test_a_large_spec_is_checked_quickly() -> None:
    nodes: list[dict[str, Any]] = [{**WAIT, "id": "n0"}]
    for n in range(1, 500):
        value = f"${{nodes.n{n - 1}.output}}"
        arguments = {"path": value, "lines": 1}
        nodes.append({"id": f"n{n}", "kind": "action", "tool": "file_read", "arguments": arguments})
    assert check(parse({"name": "a", "nodes": nodes})) == []


@given(st.lists(st.lists(st.sampled_from("abcdefz"), max_size=3), min_size=1, max_size=6))
def test_any_graph_is_checked(needs: list[list[str]]) -> None:
    nodes = [{**WAIT, "id": "abcdef"[n], "needs": each} for n, each in enumerate(needs)]
    problems = check(parse({"name": "a", "nodes": nodes}))
    assert all("\n" not in str(problem) for problem in problems)


def test_resource_classes_have_to_be_there() -> None:
    inner = "{name: i, nodes: [{id: x, kind: wait, seconds: 1, resources: [gpus]}]}"
    text = (
        f"{HEAD}"
        "- {id: w, kind: wait, seconds: 1, resources: [cpu, gup]}\n"
        "- {id: m, kind: map, over: [1], node: {kind: wait, seconds: 1, resources: [x-y]}}\n"
        f"- {{id: s, kind: subworkflow, workflow: {inner}}}\n"
    )
    assert told(text) == []
    first, second, third = told(text, classes={"cpu", "gpu"})
    assert first == (
        "nodes[1].resources[1] (line 8, column 52): There is no resource class 'gup'. "
        "Did you mean 'gpu'? The setting workflow_places adds others."
    )
    assert second.startswith("nodes[2].node.resources[0] (line 9")
    assert "There is 'cpu', 'gpu'. The setting" in second
    assert third.startswith("nodes[3].workflow.nodes[0].resources[0] (line 10")


NOTIFY = "notify:\n- {channel: panel, body: %s%s}\n"


@pytest.mark.parametrize(
    "body",
    [
        "${workflow.status} ${workflow.error.message} ${workflow.error.node}",
        "${nodes.load.output.text} ${nodes.load.status} ${parameters.lines}",
    ],
)
def test_notices_see_how_a_run_has_ended(body: str) -> None:
    assert told(HEAD + NOTIFY % (f'"{body}"', "")) == []
    node = f'- {{id: n, kind: notification, channel: panel, body: "{body}"}}'
    assert bool(told(HEAD + node)) == ("workflow." in body), "only when it is over"


@pytest.mark.parametrize(
    ("body", "more", "message"),
    [
        ('"${nodes.laod.output}"', "", "Did you mean 'load'?"),
        ('"${workflow.state}"', "", "Did you mean 'status'?"),
        ('"${workflow.error.text}"', "", "'text'"),
        ("x", ", on: [done]", "notify[0].on[0]"),
        ("x", ", on: []", "'on' has no entries."),
        ("x", ", compensate: {tool: x}", "There is no field 'compensate' in 'notify'."),
        ("x", ", needs: [load]", "There is no field 'needs' in 'notify'."),
    ],
)
def test_a_notice_that_is_wrong_is_told_with_its_place(body: str, more: str, message: str) -> None:
    document = read(HEAD + NOTIFY % (body, more))
    wrong = document.problems or document.located(check(document.spec, FewTools()))
    (found,) = map(str, wrong)
    assert found.startswith("notify[0]")
    assert message in found
