"""Questions with their right answers, and the programs that they are about.

Questions come from a folder that is given, in two forms: documents with questions
(``cosqa_dev.json``), and questions about repositories whose answers are files
(``repo_search_dev.json``). The repositories are had from registries: the package's own folder of
the nearest release is what is searched.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

CACHE = Path.home() / ".cache" / "jupyter-mcp-search"
REPOSITORIES = CACHE / "repositories"


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents and what is asked of them.

    Args:
        texts: Each document by its id.
        queries: Questions, each with the id of its one right answer.
    """

    texts: Mapping[str, str]
    queries: Sequence[tuple[str, str]]

    @property
    def digest(self) -> str:
        """What the texts are known by."""
        told = json.dumps(sorted(self.texts.items()))
        return hashlib.blake2b(told.encode(), digest_size=6).hexdigest()

    @classmethod
    def read(cls, path: Path) -> Documents:
        """Read them from a file."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            {document["id"]: document["text"] for document in found["docs"]},
            [(query["query"], query["rel"]) for query in found["queries"]],
        )


@dataclass(frozen=True, slots=True)
class FileQuestion:
    """A question whose right answers are files.

    Args:
        text: The question.
        category: Such as ``symbol``.
        paths: The right files.
    """

    text: str
    category: str
    paths: tuple[str, ...]


def read_file_questions(path: Path) -> dict[str, list[FileQuestion]]:
    """Read questions by the name of their repository."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: [
            FileQuestion(
                query["query"],
                query["category"],
                tuple(target["path"] for target in (*query["relevant"], *query["secondary"])),
            )
            for query in queries
        ]
        for name, queries in found.items()
    }


@dataclass(frozen=True, slots=True)
class Wheel:
    """A release on PyPI, and the folder of it that is searched."""

    name: str
    version: str
    folder: str

    def fetch(self, into: Path) -> None:
        """Put the folder where it is wanted; the rest is left out."""
        with tempfile.TemporaryDirectory() as scratch:
            asked = f"{self.name}=={self.version}"
            pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", asked, "-d", scratch)
            _run(*pip, "--only-binary=:all:")
            archive = next(Path(scratch).glob("*.whl"))
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(into, [name for name in wheel.namelist() if self._wants(name)])

    def _wants(self, name: str) -> bool:
        return name.startswith(f"{self.folder}/") and not name.endswith((".so", ".pyd"))


@dataclass(frozen=True, slots=True)
class DebianSources:
    """A package of Debian's that carries sources, and where they lie in it."""

    name: str
    folder: str

    def fetch(self, into: Path) -> None:
        """Put the sources where they are wanted."""
        with tempfile.TemporaryDirectory() as scratch:
            _run("apt-get", "download", "-qq", self.name, cwd=scratch)
            package = next(Path(scratch).glob("*.deb"))
            _run("dpkg-deb", "-x", str(package), f"{scratch}/all")
            shutil.copytree(f"{scratch}/all/{self.folder}", into, dirs_exist_ok=True)


SOURCES: Mapping[str, Wheel | DebianSources] = MappingProxyType(
    {
        "aiohttp": Wheel("aiohttp", "3.13.5", "aiohttp"),
        "fastapi": Wheel("fastapi", "0.135.3", "fastapi"),
        "pydantic": Wheel("pydantic", "2.12.5", "pydantic"),
        "model2vec": Wheel("model2vec", "0.8.1", "model2vec"),
        "gin": DebianSources(
            "golang-github-gin-gonic-gin-dev", "usr/share/gocode/src/github.com/gin-gonic/gin"
        ),
    }
)
"""Where repositories come from: releases near the commits that were asked about."""


def repository(name: str) -> Path:
    """Return the folder of a repository, fetched when it is not there.

    Raises:
        LookupError: When it is not known where to have it from, or it cannot be had.
    """
    if name not in SOURCES:
        raise LookupError(f"it is not known where to have {name} from")
    return fetched(name, SOURCES[name])


def fetched(name: str, source: Wheel | DebianSources) -> Path:
    """Return the folder of a source, fetched when it is not there.

    Raises:
        LookupError: When it cannot be had.
    """
    folder = REPOSITORIES / name
    if not folder.is_dir():
        REPOSITORIES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=REPOSITORIES) as scratch:
            try:
                source.fetch(Path(scratch) / name)
            except (OSError, subprocess.CalledProcessError, StopIteration) as error:
                raise LookupError(f"{name} cannot be had: {error}") from error
            (Path(scratch) / name).rename(folder)
    return folder


def answerable(folder: Path, questions: Sequence[FileQuestion]) -> Iterator[FileQuestion]:
    """Return those questions whose files are all in the folder."""
    for question in questions:
        if all((folder / path).is_file() for path in question.paths):
            yield question


def _run(*command: str, cwd: str | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
