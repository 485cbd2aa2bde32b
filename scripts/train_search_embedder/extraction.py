"""All pairs and cells of an archive, kept in the cache since it takes seconds."""

from __future__ import annotations

import hashlib
import pickle
import re
from pathlib import Path
from typing import NamedTuple

from archives import texts
from documents import (
    Cell,
    cells_of_gallery,
    cells_of_notebook,
    pairs_of_cells,
    pairs_of_documentation,
)
from functions import pairs_of_python
from pair import Pair

_GALLERY = re.compile(r"exampl|galler|tutorial")


class Found(NamedTuple):
    """What an archive holds."""

    pairs: list[Pair]
    cells: list[Cell]


def extract(archive: Path, cache: Path) -> Found:
    """Return what `archive` holds, in the order of its files."""
    kept = cache / "pairs" / f"{archive.name}-{_version()}.pickle"
    if kept.exists():
        pairs, cells = pickle.loads(kept.read_bytes())  # noqa: S301 - written below
        return Found([Pair(*each) for each in pairs], [Cell(*each) for each in cells])
    print(f"reading {archive.name}", flush=True)
    found = Found([], [])
    for path, text in texts(archive):
        _read(path, text, found)
    found.pairs.extend(pairs_of_cells(found.cells))
    kept.parent.mkdir(parents=True, exist_ok=True)
    plain = ([tuple(each) for each in found.pairs], [tuple(each) for each in found.cells])
    kept.write_bytes(pickle.dumps(plain))
    return found


def _read(path: str, text: str, found: Found) -> None:
    if path.endswith(".py"):
        found.pairs.extend(pairs_of_python(text))
        if _GALLERY.search(path):
            found.cells.extend(cells_of_gallery(text))
    elif path.endswith(".ipynb"):
        found.cells.extend(cells_of_notebook(text))
    else:
        found.pairs.extend(pairs_of_documentation(text, is_markdown=path.endswith(".md")))


def _version() -> str:
    """Return a hash of what reads the archives: changed code reads them again."""
    here = Path(__file__).parent
    names = ("archives", "documents", "extraction", "functions", "pair")
    code = b"".join((here / f"{name}.py").read_bytes() for name in names)
    return hashlib.blake2b(code, digest_size=6).hexdigest()
