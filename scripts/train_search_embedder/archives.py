"""What lies in a downloaded wheel or source archive."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_SUFFIXES = {".py", ".ipynb", ".rst", ".md"}
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|testing|_?vendor(ed)?|_vendored|extern(al|s)?|third_party|locale|licenses?)/|(^|/)(test_|conftest)"
)
_LARGEST = 3_000_000


def texts(archive: Path) -> Iterator[tuple[str, str]]:
    """Return path and text of the files that can be learned from, in the order of their paths."""
    for path, raw in sorted(_members(archive)):
        yield path, raw.decode("utf-8", "replace")


def metadata(archive: Path) -> str:
    """Return the package's own account of itself."""
    found = sorted(_members(archive, is_metadata=True), key=lambda member: len(member[0]))
    return found[0][1].decode("utf-8", "replace") if found else ""


def _members(archive: Path, *, is_metadata: bool = False) -> Iterator[tuple[str, bytes]]:
    wanted = _is_metadata if is_metadata else _is_wanted
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if wanted(info.filename, info.file_size):
                    yield info.filename, opened.read(info)
        return
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isfile() and wanted(member.name, member.size):
                file = opened.extractfile(member)
                if file is not None:
                    yield member.name, file.read()


def _is_wanted(path: str, size: int) -> bool:
    return (
        size <= _LARGEST
        and PurePosixPath(path).suffix in _SUFFIXES
        and not _LEFT_OUT.search(path.partition("/")[2] or path)
    )


def _is_metadata(path: str, size: int) -> bool:
    return size <= _LARGEST and bool(
        re.search(r"^[^/]+\.dist-info/METADATA$|^[^/]+/PKG-INFO$", path)
    )
