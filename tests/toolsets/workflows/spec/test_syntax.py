from __future__ import annotations

import pytest

from jupyter_mcp.toolsets.workflows.spec import syntax
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from jupyter_mcp.toolsets.workflows.spec.syntax import Constant, Function, Items, Name, Select


def test_a_tree_is_what_was_written() -> None:
    tree = compile_expression("has(parameters.x) ? [input[-1], {'a': 0}.a] : ['']").tree
    assert tree == Function(
        "_?_:_",
        (
            Select(Name("parameters"), "x", is_test=True),
            Items(
                (
                    Function("_[_]", (Name("input"), Constant(number=-1))),
                    Select(Items((Constant("a"), Constant(number=0))), "a"),
                )
            ),
            Items((Constant(""),)),
        ),
    )


def test_a_loop_variable_is_no_path() -> None:
    tree = compile_expression("input.map(nodes, nodes.x + parameters.y)").tree
    assert syntax.paths(tree) == {("input",), ("parameters", "y")}
    assert syntax.has_loops(tree)


def test_what_is_asked_for_by_has_is_known() -> None:
    tree = compile_expression("has(nodes.a.output.x) && parameters.y").tree
    assert syntax.tested(tree) == {("nodes", "a", "output", "x")}


@pytest.mark.parametrize("data", [b"\x12", b"\xff" * 20, b"\x12\x02\x22"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read back"):
        syntax.read(data)
