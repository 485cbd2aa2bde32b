"""What speed is measured on: Python's own library, and with it what is installed beside it."""

from __future__ import annotations

import ast
import random
import re
import shutil
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

MB = 1_000_000
SMALL = ("asyncio", "json", "logging", "xml", "wsgiref")
"""Packages of the standard library that are a project of about 1 MB."""

_SEED = 5
_SENTENCE = re.compile(r"^[A-Z][^:`@<>{}]{15,110}\.?$")


def small(into: Path) -> Path:
    """Copy a project of 1 MB."""
    return _copied(into, _library(), (file for name in SMALL for file in _below(_library() / name)))


def library(into: Path, *, smoke: bool) -> Path:
    """Copy Python's standard library."""
    return small(into) if smoke else _copied(into, _library(), _below(_library()))


def large(into: Path, size: int, *, smoke: bool) -> Path:
    """Copy the standard library and so many installed packages that all have `size` bytes."""
    library(into / "library", smoke=smoke)
    size = 2 * MB if smoke else size
    size -= size_of(into)
    packages = Path(sysconfig.get_path("purelib"))
    chosen = []
    for file in _below(packages):
        size -= file.stat().st_size
        if size < 0:
            break
        chosen.append(file)
    _copied(into / "packages", packages, chosen)
    return into


def size_of(folder: Path) -> int:
    """Return how many bytes its files have."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def some_files(folder: Path, count: int) -> list[Path]:
    """Choose files of all sizes but tiny ones, always the same."""
    files = [file for file in sorted(folder.rglob("*.py")) if file.stat().st_size > 1000]
    return random.Random(_SEED).sample(files, min(count, len(files)))


def questions(folder: Path, count: int) -> list[str]:
    """Return first sentences of docstrings, which is how people describe what they look for."""
    files = sorted(folder.rglob("*.py"))
    random.Random(_SEED).shuffle(files)
    found: list[str] = []
    for file in files:
        if len(found) >= count:
            break
        found += _sentences(file)[:2]
    return found[:count]


def _sentences(file: Path) -> Sequence[str]:
    try:
        module = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    told = [ast.get_docstring(node) or "" for node in module.body if isinstance(node, kinds)]
    lines = [text.split("\n", 1)[0].strip() for text in told if text]
    return [line for line in lines if _SENTENCE.match(line)]


def _library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _below(folder: Path) -> Iterator[Path]:
    """Yield the sources below a folder, without what pip put there."""
    for file in sorted(folder.rglob("*.py")):
        if not {"site-packages", "__pycache__"} & set(file.relative_to(folder).parts):
            yield file


def _copied(into: Path, root: Path, files: Iterator[Path] | Sequence[Path]) -> Path:
    for file in files:
        target = into / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return into
