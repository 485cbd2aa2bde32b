"""Reads the documentation out of Python files: a program of its own, which runs none of them.

Parsing holds the interpreter lock for as long as a file takes, and a strange file may warn or need
much memory, so it does not happen in the server. It is started as a file with ``python3 -I -S`` and
imports nothing but the standard library. On stdin it reads a JSON object a line: the files of a
package, each with its module. For each line it writes a JSON array to stdout: for each file
``[path, [[symbol, line, end line, text], …]]``.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

LARGEST = 1_000_000
"""Bytes of the largest file that is read."""

LONGEST = 1500
"""Characters of a documentation that are kept."""

Item = tuple[str, int, int, str]


def documented(source: str, module: str) -> Iterator[Item]:
    """Return what is public and documented in a module, with its signature."""
    if '"""' not in source and "'''" not in source:
        return
    tree = ast.parse(source)
    if told := ast.get_docstring(tree):
        yield module, 1, 1, _cut(module, told)
    yield from _within(tree, module)


def _within(parent: ast.AST, prefix: str) -> Iterator[Item]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.If | ast.Try):
            yield from _within(node, prefix)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        symbol = f"{prefix}.{node.name}"
        if told := ast.get_docstring(node):
            yield symbol, node.lineno, node.end_lineno or node.lineno, _cut(signature(node), told)
        if isinstance(node, ast.ClassDef):
            yield from _within(node, symbol)


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """Return the line that a definition begins with."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    start = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{start} {node.name}({ast.unparse(node.args)}){returns}"


def _cut(head: str, told: str) -> str:
    return f"{head[:LONGEST]}\n{told[:LONGEST]}".encode("utf-8", "replace").decode()


def of_file(path: str, module: str, most: int) -> list[Item]:
    """Return what is documented in a file; nothing where it cannot be parsed."""
    found: list[Item] = []
    try:
        if os.path.getsize(path) > LARGEST:  # noqa: PTH202
            return []
        with open(path, "rb") as file:  # noqa: PTH123
            source = file.read(LARGEST).decode("utf-8", "replace")
        for item in documented(source, module):
            if len(found) >= most:
                break
            found.append(item)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return found


def main() -> None:
    """Answer each line."""
    if hasattr(os, "nice"):
        os.nice(10)
    for line in sys.stdin.buffer:
        asked: dict[str, Any] = json.loads(line)
        answer = []
        left = asked["most"]
        for path, module in asked["files"]:
            found = of_file(os.path.join(asked["folder"], path), module, left)  # noqa: PTH118
            left -= len(found)
            answer.append((path, found))
            if left <= 0:
                break
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
