"""The variables of a kernel, read without a cell, without history and without a trace.

The inspector's text travels in a ``user_expressions`` entry of an empty silent request: nothing is
counted, no event handlers run, and no name is bound. A name to inspect is parsed here and walked
there step by step; nothing that a caller writes is ever evaluated.
"""

from __future__ import annotations

import ast
import json
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.execution import Execution
from jupyter_mcp.toolsets.notebooks.run import RunOutcome, Work

Step: TypeAlias = tuple[str, Any]

LONGEST_NAME = 500

# No name of the person's namespace is used to reach the real builtins: it may be shadowed.
_BUILTINS = (
    "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close']"
    "[0].__init__.__globals__['__builtins__']"
)


class Variables:
    """Looks at variables.

    Args:
        execution: The engine.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def listed(self, kernel_id: str, seconds: float) -> list[dict[str, Any]]:
        """Return name, type and summary of each variable.

        Args:
            kernel_id: The kernel.
            seconds: How long to wait for it; it may be busy.

        Raises:
            ToolError: ``unsupported`` for another language, ``busy`` while it runs something.
        """
        answer = await self._ask(kernel_id, {"do": "list"}, seconds)
        found: list[dict[str, Any]] = answer["variables"]
        return found

    async def inspected(self, kernel_id: str, name: str, seconds: float) -> dict[str, Any]:
        """Return what there is to know of one variable, or of what a path from it leads to.

        Args:
            kernel_id: The kernel.
            name: A name, with attributes and constant indexes behind it, as in ``a.b['c'][0]``.
            seconds: How long to wait for the kernel.

        Raises:
            ToolError: ``not_found``, ``invalid_arguments`` for anything but such a path, and what
                `listed` raises.
        """
        path = steps(name)
        answer = await self._ask(kernel_id, {"do": "inspect", "path": path}, seconds)
        if "missing" in answer:
            raise ToolError(
                "not_found", answer["missing"], "variables_list shows the variables there are."
            )
        return answer

    async def _ask(self, kernel_id: str, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        await self._require_python(kernel_id)
        work = Work("", silent=True, expressions={"answer": _expression(request)})
        outcome = await self._execution.run(kernel_id, work, seconds)
        _require_answer(outcome, seconds)
        told = outcome.expressions.get("answer", {})
        if told.get("status") != "ok":
            raise ToolError(
                "internal",
                f"The variables could not be read: {told.get('ename')}: {told.get('evalue')}",
                "Use kernel_execute to look at them by code.",
            )
        answer: dict[str, Any] = json.loads(ast.literal_eval(told["data"]["text/plain"]))
        return answer

    async def _require_python(self, kernel_id: str) -> None:
        language = await self._execution.language(kernel_id)
        if language.lower() != "python":
            raise ToolError(
                "unsupported",
                f"Variables can be read in Python kernels only; this one speaks {language}.",
                "Use kernel_execute to print them in the kernel's own language.",
            )


def steps(name: str) -> list[Any]:
    """Parse a variable's name into the path that leads to it.

    Raises:
        ToolError: ``invalid_arguments`` unless it is a name with attributes and constant indexes.
    """
    refused = ToolError(
        "invalid_arguments",
        f"{name[:60]!r} is not the name of a variable.",
        "Give a name, optionally with attributes and constant indexes: df, a.b, rows[0]['x'].",
    )
    if len(name) > LONGEST_NAME:
        raise refused
    try:
        return _walk(ast.parse(name.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise refused from None


def _walk(node: ast.expr) -> list[Any]:
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=inner, attr=name):
            return [*_walk(inner), ("attribute", name)]
        case ast.Subscript(value=inner, slice=index):
            return [*_walk(inner), ("index", _key(index))]
        case _:
            raise ValueError


def _key(node: ast.expr) -> int | str:
    key = ast.literal_eval(node)
    if isinstance(key, (int, str)):
        return key
    raise ValueError


def _expression(request: dict[str, Any]) -> str:
    # JSON text inside of a literal: a request can hold nothing but data.
    return (
        "(lambda b: (lambda g: (b['exec'](" + repr(_inspector()) + ", g), g['answer']("
        "b['globals'](), g['json'].loads(" + repr(json.dumps(request)) + ")))[1])"
        "({'__builtins__': b, '__name__': 'jupyter_mcp_inspector'}))(" + _BUILTINS + ")"
    )


@cache
def _inspector() -> str:
    package = resources.files("jupyter_mcp.toolsets.notebooks.inspectors")
    return package.joinpath("python.py").read_text("utf-8")


def _require_answer(outcome: RunOutcome, seconds: float) -> None:
    if outcome.status == "timeout" and not outcome.began:
        raise ToolError(
            "busy",
            f"The kernel was busy for {seconds:g} seconds, so its variables could not be read.",
            "Wait until it is idle (kernel_list), or interrupt it with kernel_interrupt.",
        )
    if outcome.status == "timeout":
        raise ToolError(
            "timeout",
            f"Reading the variables took more than {seconds:g} seconds and was interrupted.",
            "Look at a smaller part, or use kernel_execute.",
        )
    if outcome.status == "dead":
        raise ToolError(
            "kernel_dead",
            "The kernel died while its variables were read.",
            "Restart it with kernel_restart; its variables are lost.",
        )
