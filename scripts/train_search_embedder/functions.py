"""Pairs of a sentence and the code it describes, out of Python sources."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from pair import Pair, sentence

_LINES = range(3, 120)
"""Lines of a function that is neither a stub nor a program."""

_COMMENT = re.compile(r"^[ \t]*#(?![!%|])[ \t]*(.*)$")
_DIRECTIVE = re.compile(
    r"noqa|type:|pylint|pragma|fmt:|todo|fixme|copyright|license", re.IGNORECASE
)


def pairs_of_python(text: str) -> Iterator[Pair]:
    """Return what the functions, classes and comments of a module tell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = text.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function(node, lines)
    yield from _comments(lines)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> Iterator[Pair]:
    name = node.name.strip("_")
    written = ast.get_docstring(node) or ""
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    if not name or node.name.startswith("__") or name.startswith("test"):
        return
    code = lines[first:last]
    if written:
        string = node.body[0]
        start, end = string.lineno - 1 - first, (string.end_lineno or string.lineno) - first
        code = code[:start] + code[end:]
    if sum(1 for line in code if line.strip()) not in _LINES:
        return
    bare = textwrap.dedent("\n".join(code))
    told = sentence(written)
    rest = written.removeprefix(told)
    if told:
        yield Pair("function", told, bare, rest)
    if "_" in name or re.search("[a-z][A-Z]", name):
        yield Pair("name", name, bare.replace(node.name, ""), written)


def _comments(lines: list[str]) -> Iterator[Pair]:
    at = 0
    while at < len(lines):
        told: list[str] = []
        while at < len(lines) and (found := _COMMENT.match(lines[at])):
            told.append(found[1])
            at += 1
        if not told:
            at += 1
            continue
        code: list[str] = []
        while at < len(lines) and lines[at].strip() and not _COMMENT.match(lines[at]):
            code.append(lines[at])
            at += 1
            if len(code) == 12:  # noqa: PLR2004
                break
        comment = sentence(" ".join(told))
        if len(code) > 1 and comment and not _DIRECTIVE.search(comment):
            yield Pair("comment", comment, "\n".join(code), "")
