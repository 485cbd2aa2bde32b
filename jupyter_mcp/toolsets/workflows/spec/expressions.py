"""Expressions in CEL, the Common Expression Language, by Google's own library.

They compute and decide; they can neither loop for ever nor reach anything but the values that they
are given. The library ends an evaluation after 10,000 rounds of its macros, but it builds the
list of ``map`` and ``filter`` anew with each element (measured with 0.1.3: 10,000 elements take
4 s and 1.6 GB), so what an evaluation may cost is estimated before it starts (`costs`).
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec.costs import BUDGET, cost
from jupyter_mcp.toolsets.workflows.spec.syntax import Path, Tree, has_loops, paths, read

VARIABLES = ("parameters", "nodes", "item", "workflow", "input", "output")
"""What expressions may know; which of them they do depends on where they stand."""
LONGEST = 4000
"""Characters of the longest expression."""
SHOWN = 120

_PLACE = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that has been compiled; `evaluate` may be called by any thread.

    Args:
        text: The expression.
        returns: The type of its result as far as it is known, such as ``BOOL``, else ``DYN``.
        paths: What it asks of its variables, as in ``("nodes", "load", "output")``.
        tree: Its tree.
        program: What the library made of it.
    """

    text: str
    returns: str
    paths: frozenset[Path] = field(repr=False)
    tree: Tree = field(repr=False)
    program: Any = field(repr=False)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the result as JSON data.

        Args:
            values: JSON data by variable; a variable that is missing cannot be used.

        Raises:
            ToolError: ``invalid_arguments`` when it cannot be evaluated with these values,
                ``too_large`` when that would cost too much.
        """
        needed = _needed(values, self.paths)
        if has_loops(self.tree) and cost(self.tree, needed) > BUDGET:
            raise ToolError(
                "too_large",
                f"'{self.text[:SHOWN]}' would take too much memory or time with these values.",
                "Use Python code for large lists and texts.",
            )
        try:
            result = self.program.eval(data=needed)
            kind = str(result.type().name())
            plain = result.plain_value()
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise self._failed(str(error)) from None
        if kind == "ERROR":
            raise self._failed(str(plain))
        return _json(plain, self)

    def is_true(self, values: Mapping[str, Any]) -> bool:
        """Return the result where it is a truth value.

        Raises:
            ToolError: As `evaluate`, and where it is something else.
        """
        result = self.evaluate(values)
        if isinstance(result, bool):
            return result
        raise ToolError(
            "invalid_arguments",
            f"'{self.text[:SHOWN]}' is {str(result)[:40]!r} and neither true nor false.",
            "Compare it with something.",
        )

    def _failed(self, message: str) -> ToolError:
        what, remedy = _explained(message)
        code = "too_large" if "Iteration budget" in message else "invalid_arguments"
        return ToolError(code, f"'{self.text[:SHOWN]}' cannot be evaluated: {what}", remedy)


LITERALS = {"True": "true", "False": "false", "None": "null"}
"""What Python calls otherwise."""

_WORDS = re.compile(r"\b(and|or|not)\b")
_TEXTS = re.compile(r"'[^']*'|\"[^\"]*\"")


def compile_expression(text: str, variables: Iterable[str] = VARIABLES) -> Expression:
    """Return an expression that can be evaluated; what was compiled before is remembered.

    Args:
        text: The expression.
        variables: What it may know.

    Raises:
        ToolError: ``invalid_arguments``, with line and column in the message and the data;
            ``unavailable`` when the library is not installed.
    """
    if len(text) > LONGEST:
        raise ToolError(
            "invalid_arguments",
            f"The expression has {len(text)} characters, more than {LONGEST}.",
            "Split it, or use Python code.",
        )
    return _compiled(text, tuple(sorted(set(variables))))


@lru_cache(maxsize=1024)
def _compiled(text: str, variables: tuple[str, ...]) -> Expression:
    try:
        program = _environment(variables).compile(text)
    except (RuntimeError, ValueError, UnicodeError) as error:
        raise _syntax(text, str(error), variables) from None
    tree = read(program.serialize())
    return Expression(text, str(program.return_type().name()), paths(tree), tree, program)


@lru_cache(maxsize=64)
def _environment(variables: tuple[str, ...]) -> Any:
    try:
        from cel_expr_python import cel  # type: ignore[import-untyped]
    except ImportError:
        raise ToolError(
            "unavailable",
            "Expressions need a library that is not installed.",
            "Run: pip install 'jupyter-mcp-workbench[workflows]'",
        ) from None
    return cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN))


def _syntax(text: str, message: str, variables: tuple[str, ...]) -> ToolError:
    from jupyter_mcp.toolsets.workflows.spec.references import nearest

    found = _PLACE.search(message)
    line, column, what = (int(found[1]), int(found[2]), found[3]) if found else (0, 0, message)
    what = what.replace("Syntax error: ", "").removesuffix("[INVALID_ARGUMENT]").strip()
    remedy = "See https://cel.dev for the language."
    if "recognition error at: '$'" in message:
        what, remedy = "an expression has no ${…}", "Write the path alone: nodes.load.output."
    elif "recursion" in message:
        what, line, column = "it is nested too deeply", 0, 0
        remedy = "Split it: at most 32 levels, and as many terms in a row."
    elif name := re.match(r"undeclared reference to '([^'.]*)", what):
        inside = text.splitlines()[line - 1]
        is_call = inside[column - 1 : column] == "("
        column = max(inside.rfind(name[1], 0, column + len(name[1]) - 1), 0) + 1
        what = f"there is no {'function' if is_call else 'variable'} '{name[1]}'"
        if name[1] in LITERALS:
            remedy = f"Write {LITERALS[name[1]]}."
        else:
            remedy = remedy if is_call else nearest(name[1], variables)
    elif "mismatched input '<EOF>'" in what:
        what = "it ends too early"
    elif "expecting {" in what:
        what = what.partition(" expecting {")[0]
    elif "no matching overload" in what:
        remedy = "Convert one side, as in double(x), int(x) or string(x)."
    if " input '" in what and _WORDS.search(_TEXTS.sub("", text)):
        remedy = "Write && for and, || for or, !x for not x."
    place = f"line {line}, column {column}: " if line > 1 else f"column {column}: " if line else ""
    return ToolError(
        "invalid_arguments",
        f"{place}{what} in '{text.strip()[:SHOWN]}'.",
        remedy,
        data={"line": max(line, 1), "column": max(column, 1)},
    )


def _explained(message: str) -> tuple[str, str]:
    what = re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", message)
    if missing := re.match(r'Key not found in map : "(.*)"', what):
        return f"there is no '{missing[1][:SHOWN]}'.", "Ask by has(…) whether it is there."
    if "Iteration budget" in what:
        return "it goes round more than 10,000 times.", "Use Python code for as many elements."
    if "No matching overloads" in what:
        name = what.rpartition(" : ")[2]
        return f"the values of {name} do not fit together.", "Convert one, as in double(x)."
    if "SELECT to non-message" in what or "iter_range" in what:
        return "a part is asked of something that has none.", "Look at what the values are."
    return f"{what[:300].rstrip('.')}.", ""


def _needed(values: Mapping[str, Any], wanted: Iterable[Path]) -> dict[str, Any]:
    """Return only what is asked for: the library converts every variable that is used, whole."""
    needed: dict[str, Any] = {}
    for path in sorted(wanted, key=len, reverse=True):
        _take(values, path, needed)
    return needed


def _take(source: Mapping[str, Any], path: Path, target: dict[str, Any]) -> None:
    key = path[0]
    if not isinstance(key, str) or key not in source:
        return
    inner = source[key]
    if len(path) == 1 or not isinstance(inner, Mapping) or isinstance(path[1], int):
        target[key] = inner
    elif (taken := target.setdefault(key, {})) is not inner:
        _take(inner, path[1:], taken)


def _json(value: Any, expression: Expression) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise _no_json(expression, f"{value}, which JSON cannot say")
    if isinstance(value, list | tuple):
        return [_json(inner, expression) for inner in value]
    if isinstance(value, Mapping):
        return {_name(key, expression): _json(inner, expression) for key, inner in value.items()}
    return _scalar(value, expression)


def _scalar(value: Any, expression: Expression) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise _no_json(expression, "a type and no value")


def _name(key: Any, expression: Expression) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return str(key)
    raise _no_json(expression, "a map with keys that are no text")


def _no_json(expression: Expression, what: str) -> ToolError:
    return ToolError(
        "invalid_arguments",
        f"'{expression.text[:SHOWN]}' gives {what}.",
        "Make it a value that JSON can say.",
    )
