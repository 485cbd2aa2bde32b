"""Reads the documentation out of Python files: a program of its own, which runs none of them.

Parsing holds the interpreter lock for as long as a file takes, and a strange file may warn or need
much memory, so it does not happen in the server. It is started as a file with ``python3 -I -S`` and
imports nothing but the standard library. On stdin it reads a JSON object a line: the files of a
package, each with its module. For each line it writes a JSON array to stdout: for each file
``[path, [[symbol, line, end line, text], …]]``.

What a package exports often stands in a private module: ``numpy.mean`` in
``numpy/_core/fromnumeric.py``. So imports are followed from public modules to what they export.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

LARGEST = 1_000_000
"""Bytes of the largest file that is read."""

LONGEST = 1500
"""Characters of a documentation that are kept."""

MOST_BESIDES = 100
"""Modules of a package that are read only for what others export; some export a thousand."""

Item = tuple[str, int, int, str]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Module:
    """What is public in a module: what it defines and documents, and what it imports.

    Args:
        name: Its dotted name.
        path: Its file.
        source: What stands there.

    Raises:
        SyntaxError: That is no Python.
    """

    def __init__(self, name: str, path: str, source: str) -> None:
        self.name, self.path = name, path
        self.is_package = path.endswith("__init__.py")
        self.told: list[Item] = []
        self.defined: dict[str, list[Item]] = {}  # with the names of members, itself without one
        self.imported: dict[str, tuple[str, str]] = {}
        self.stars: list[str] = []
        self.listed: list[str] | None = None
        if not any(each in source for each in ('"""', "'''", "import")):
            return
        tree = ast.parse(source)
        if told := ast.get_docstring(tree):
            self.told.append((name, 1, 1, _cut(name, told)))
        self._take(tree)

    @property
    def exported(self) -> list[str]:
        """What others get from it by ``import *``."""
        if self.listed is not None:
            return self.listed
        return [*self.defined, *(self.imported if self.is_package else ())]

    @property
    def exports(self) -> list[str]:
        """What it imports so that others get it here; most imports are for its own use."""
        if self.listed is not None:
            return [name for name in self.listed if name not in self.defined]
        if not (self.is_package or not self.defined):
            return []
        return [name for name in self.imported if not name.startswith("_")]

    def _take(self, parent: ast.AST) -> None:
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.If | ast.Try):
                self._take(node)
            elif isinstance(node, ast.ImportFrom):
                self._import(node)
            elif isinstance(node, ast.Assign):
                self._list(node)
            elif isinstance(node, Definition) and not node.name.startswith("_"):
                self.defined.setdefault(node.name, []).extend(_of(node))

    def _import(self, node: ast.ImportFrom) -> None:
        start = node.module or ""
        if node.level:
            above = node.level - self.is_package
            parts = self.name.split(".")
            start = ".".join([*parts[: len(parts) - above], *filter(None, [node.module])])
        for each in node.names:
            if each.name == "*":
                self.stars.append(start)
            else:
                self.imported[each.asname or each.name] = (start, each.name)

    def _list(self, node: ast.Assign) -> None:
        if any(isinstance(each, ast.Name) and each.id == "__all__" for each in node.targets):
            try:
                self.listed = [str(each) for each in ast.literal_eval(node.value)]
            except (ValueError, TypeError):  # it is computed
                self.listed = None


class Package:
    """The modules of a package, each read when it is first asked for.

    Args:
        folder: What they are imported from.
        public: Path and module of those that are read anyway.
        sources: Path and module of all.
    """

    def __init__(
        self,
        folder: str,
        public: Iterable[tuple[str, str]],
        sources: Iterable[tuple[str, str]],
    ) -> None:
        self._folder = folder
        self._public = {module for _, module in public}
        self._paths = {module: path for path, module in sources}
        self._besides = 0
        self._read: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """Return a module; None where it is not of this package, or cannot be parsed."""
        if name not in self._read:
            path = self._paths.get(name)
            self._besides += path is not None and name not in self._public
            is_read = name in self._public or self._besides <= MOST_BESIDES
            self._read[name] = _module_of(self._folder, path, name) if path and is_read else None
        return self._read[name]

    def exports(self, module: Module, *, privately: bool) -> Iterator[tuple[str, list[Item]]]:
        """Yield the files and definitions that a module exports from others.

        Args:
            module: The module.
            privately: Only those from private modules: others are read anyway.
        """
        names = dict.fromkeys(module.exports)
        for star in module.stars if module.listed is None else ():
            if (there := self.module(star)) is not None:
                names |= dict.fromkeys(there.exported)
        for name in names:
            found = self._find(module, name, set())
            if found is None or found[0] is module or name.startswith("_"):
                continue
            where, items = found
            if privately and not _is_private(where.name):
                continue
            yield where.path, _named(f"{module.name}.{name}", items)

    def _find(
        self, module: Module, name: str, seen: set[tuple[str, str]]
    ) -> tuple[Module, list[Item]] | None:
        """Return what a name means in a module and where it is defined.

        Modules may import from each other in circles, so none is asked for a name twice.
        """
        if name in module.defined:
            return module, module.defined[name]
        if (module.name, name) in seen:
            return None
        seen.add((module.name, name))
        start, real = module.imported.get(name, ("", ""))
        if start:
            there = self.module(start)
            return None if there is None else self._find(there, real, seen)
        for star in module.stars:
            there = self.module(star)
            if there is not None and (found := self._find(there, name, seen)) is not None:
                return found
        return None


def documented(package: Package, modules: Iterable[str]) -> Iterator[tuple[str, list[Item]]]:
    """Yield the files and what is public and documented in them, with its signature.

    What is at hand in a package itself comes first: of the largest ones not all is kept.

    Args:
        package: The package.
        modules: Its public modules, those high up first.
    """
    there = [module for name in modules if (module := package.module(name)) is not None]
    for module in there:
        if "." not in module.name:
            for path, items in package.exports(module, privately=False):
                yield path, [each for each in items if each[0].count(".") == 1]
    for module in there:
        own = (_named(f"{module.name}.{name}", items) for name, items in module.defined.items())
        yield module.path, [*module.told, *chain.from_iterable(own)]
        yield from package.exports(module, privately=True)


def _named(symbol: str, items: Iterable[Item]) -> list[Item]:
    """Return a definition and its members with the name by which it is imported."""
    return [(f"{symbol}.{each[0]}" if each[0] else symbol, *each[1:]) for each in items]


def _is_private(module: str) -> bool:
    return any(part.startswith("_") for part in module.split("."))


def _of(node: Definition, within: str = "") -> Iterator[Item]:
    """Yield a definition that is documented, and the members that are."""
    if told := ast.get_docstring(node):
        yield within, node.lineno, node.end_lineno or node.lineno, _cut(signature(node), told)
    if isinstance(node, ast.ClassDef):
        yield from _members(node, within)


def _members(parent: ast.AST, within: str) -> Iterator[Item]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.If | ast.Try):
            yield from _members(node, within)
        elif isinstance(node, Definition) and not node.name.startswith("_"):
            yield from _of(node, f"{within}.{node.name}" if within else node.name)


def signature(node: Definition) -> str:
    """Return the line that a definition begins with."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    start = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{start} {node.name}({ast.unparse(node.args)}){returns}"


def _cut(head: str, told: str) -> str:
    return f"{head[:LONGEST]}\n{told[:LONGEST]}".encode("utf-8", "replace").decode()


def _module_of(folder: str, path: str, name: str) -> Module | None:
    """Return what is in a file; None where it cannot be parsed."""
    where = os.path.join(folder, path)  # noqa: PTH118 - thousands of files
    try:
        if os.path.getsize(where) > LARGEST:  # noqa: PTH202
            return None
        with open(where, "rb") as file:  # noqa: PTH123
            return Module(name, path, file.read(LARGEST).decode("utf-8", "replace"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def answer(asked: dict[str, Any]) -> list[tuple[str, list[Item]]]:
    """Return what is documented in the files of a package, each place once."""
    found: dict[str, dict[tuple[int, int], Item]] = {path: {} for path, _ in asked["files"]}
    package = Package(asked["folder"], asked["files"], asked["sources"])
    left = asked["most"]
    for path, items in documented(package, [module for _, module in asked["files"]]):
        there = found.setdefault(path, {})
        for each in items:
            if left and each[1:3] not in there:
                there[each[1:3]] = each
                left -= 1
        if not left:
            break
    return [(path, list(there.values())) for path, there in found.items()]


def main() -> None:
    """Answer each line."""
    if hasattr(os, "nice"):
        os.nice(10)
    gc.disable()  # nothing here refers to itself, and looking for what does takes a tenth of it
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
