"""Questions that nobody tuned to: the first sentence of a docstring, and the file that it stood in.

The docstring is taken out of the file before it is searched, so the file has to be found by the
rest. Questions by the name of a class are added in the share that people ask them, and some that
are harder: a name that a module defines and classes have, too, and a word that is the name of a
module alone. Weights and rules of the ranking were chosen on these, not on the questions that the
figures are told of.
"""

from __future__ import annotations

import ast
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.search_data import CACHE, FileQuestion, Wheel, fetched

HELD_OUT: Mapping[str, Wheel] = MappingProxyType(
    {
        name: Wheel(name, version, name)
        for name, version in {
            "aiosmtpd": "1.4.6",
            "celery": "5.7.0",
            "luigi": "3.8.1",
            "mitmproxy": "11.0.2",
            "scrapy": "2.19.0",
            "tox": "4.67.15",
            "trio": "0.35.0",
            "werkzeug": "3.1.9",
        }.items()
    }
)
DOCSTRINGS, NAMES, SHARED, MODULES = 20, 5, 3, 3
"""Questions of a package: by docstrings, by the names of classes, by names that others have, too,
and by names of modules."""

_FOLDER = CACHE / "heldout" / "repositories"
_SEED = 7
_TELLING = re.compile(r"^[A-Z][^:`@<>{}]{20,110}\.?$")


_DEFINES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_WORD = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring of a module or a class, and its lines in the file."""

    path: str
    sentence: str
    first: int
    last: int


def held_out() -> Iterator[tuple[Path, list[FileQuestion]]]:
    """Return folders without the docstrings that were taken out of them, and the questions.

    Raises:
        LookupError: When a package cannot be had.
    """
    for name, wheel in HELD_OUT.items():
        yield from _of_package(fetched(f"heldout-{name}", wheel), _FOLDER / name)


def _of_package(source: Path, into: Path) -> Iterator[tuple[Path, list[FileQuestion]]]:
    chance = random.Random(_SEED)
    docstrings, names = _found(source)
    chosen = chance.sample(docstrings, min(DOCSTRINGS, len(docstrings)))
    once = sorted(name for name, paths in names.items() if len(paths) == 1)
    asked = chance.sample(once, min(NAMES, len(once)))
    _write(source, into, chosen)
    yield (
        into,
        [
            *(FileQuestion(one.sentence, "docstring", (one.path,)) for one in chosen),
            *(FileQuestion(name, "symbol", (names[name][0],)) for name in asked),
            *_harder(source),
        ],
    )


def _found(source: Path) -> tuple[list[Docstring], dict[str, list[str]]]:
    docstrings: list[Docstring] = []
    names: dict[str, list[str]] = {}
    for path, module in _modules(source):
        classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
        for node in (module, *classes):
            docstrings += _docstring(path, node)
        for node in classes:
            names.setdefault(node.name, []).append(path)
    common = Counter(one.sentence for one in docstrings)
    return [one for one in docstrings if common[one.sentence] == 1], names


def _modules(source: Path) -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(source.rglob("*.py")):
        path = file.relative_to(source).as_posix()
        if re.search(r"(^|/)_?tests?(/|_)|/compat|example", path):
            continue
        with suppress(SyntaxError, UnicodeDecodeError):
            yield path, ast.parse(file.read_text(encoding="utf-8"))


def _harder(source: Path) -> Iterator[FileQuestion]:
    """Yield questions by names that others have, too, and by words that only name a module."""
    defined: Counter[str] = Counter()
    own: dict[str, list[str]] = {}
    files: dict[str, list[str]] = {}
    for path, module in _modules(source):
        files.setdefault(Path(path).stem, []).append(path)
        defined.update(node.name for node in ast.walk(module) if isinstance(node, _DEFINES))
        for node in module.body:
            if isinstance(node, _DEFINES) and not node.name.startswith("_"):
                own.setdefault(node.name, []).append(path)
    shared = {name: each for name, each in own.items() if len(each) == 1 < defined[name]}
    words = {
        stem: each
        for stem, each in files.items()
        if len(each) == 1 and not defined[stem] and _WORD.fullmatch(stem)
    }
    chance = random.Random(_SEED)
    for kind, found, most in (("shared", shared, SHARED), ("module", words, MODULES)):
        for name in chance.sample(sorted(found), min(most, len(found))):
            yield FileQuestion(name, kind, tuple(found[name]))


def _docstring(path: str, node: ast.Module | ast.ClassDef) -> list[Docstring]:
    told = ast.get_docstring(node)
    sentence = " ".join((told or "").split("\n\n")[0].split()).split(". ")[0]
    if not _TELLING.match(sentence) or len(sentence.split()) < 4:
        return []
    place = node.body[0]
    return [Docstring(path, sentence.rstrip("."), place.lineno, place.end_lineno or place.lineno)]


def _write(source: Path, into: Path, chosen: list[Docstring]) -> None:
    if into.is_dir():
        shutil.rmtree(into)
    shutil.copytree(source, into)
    for one in chosen:
        file = into / one.path
        lines = file.read_text(encoding="utf-8").split("\n")
        indent = lines[one.first - 1][: -len(lines[one.first - 1].lstrip()) or None]
        kept = [f"{indent}pass", *[""] * (one.last - one.first)]
        lines[one.first - 1 : one.last] = kept
        file.write_text("\n".join(lines), encoding="utf-8")
