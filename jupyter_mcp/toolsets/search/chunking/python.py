"""Cuts Python along its functions, methods and classes."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.definition_lines import found_by_lines
from jupyter_mcp.toolsets.search.chunking.definitions import Assembler, Definition, signature
from jupyter_mcp.toolsets.search.chunking.lines import Lines

_NAMED = 300
"""Characters from which on a value that is given a name is a chunk of its own."""

_FILE = "<mcp-search>"


def chunk_python(path: str, lines: Lines) -> list[Chunk]:
    """Cut a Python file; one with a syntax error along the lines that look like definitions."""
    assembler = Assembler(path, "code", "python", lines)
    try:
        module = _parse(lines.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return assembler.file(found_by_lines("python", lines))
    return assembler.file(list(_defined(module.body, lines, 0)), _breaks(module.body))


def _parse(text: str) -> ast.Module:
    """Parse without a word about strange escapes in other people's files."""
    # Warnings are the process's, and filters are too: this one names our parsing only.
    warnings.filterwarnings("ignore", module=_FILE)
    return ast.parse(text, _FILE)


def _defined(body: Sequence[ast.stmt], lines: Lines, depth: int) -> Iterator[Definition]:
    """Find definitions in a body and in the ``if``, ``try`` and ``with`` in it, in their order."""
    waiting = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield _definition(node, lines, depth)
        elif isinstance(node, ast.If):
            waiting += reversed([*node.body, *node.orelse])
        elif isinstance(node, ast.Try | ast.TryStar):
            handled = [each for handler in node.handlers for each in handler.body]
            waiting += reversed([*node.body, *handled, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.With):
            waiting += reversed(node.body)
        elif depth == 0 and isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _named(node, lines)


def _definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: Lines, depth: int
) -> Definition:
    line = node.decorator_list[0].lineno if node.decorator_list else node.lineno
    end = node.end_lineno or line
    told = signature(lines, node.lineno, max(node.lineno, node.body[0].lineno - 1))
    inside = list(_defined(node.body, lines, depth + 1)) if isinstance(node, ast.ClassDef) else []
    return Definition(min(line, node.lineno), end, node.name, told, inside)


def _named(node: ast.Assign | ast.AnnAssign, lines: Lines) -> Iterator[Definition]:
    """Find a long value that is given a name, such as a table."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    end = node.end_lineno or node.lineno
    if isinstance(target, ast.Name) and lines.size(node.lineno, end) >= _NAMED:
        yield Definition(node.lineno, end, target.id, target.id)


def _breaks(body: Sequence[ast.stmt]) -> list[int]:
    """Return the lines after the docstring and after the first imports."""
    found: list[int] = []
    at = 0
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        found.append((body[0].end_lineno or 0) + 1)
        at = 1
    last = 0
    for node in body[at:]:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        last = node.end_lineno or 0
    return [*found, last + 1] if last else found
