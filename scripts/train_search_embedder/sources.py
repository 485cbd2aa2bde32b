"""The packages that are learned from: which, where they lie, and what their licences are.

`sources.txt` names them; `sources.lock.json` pins them and is written by the first run. They come
by ``pip download``. Nothing of them is run: a source archive tells its metadata through
`build_backend`, which stands in for whatever it would be built with.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from archives import metadata

HERE = Path(__file__).parent
LOCK = HERE / "sources.lock.json"

_WHEEL = [
    "--only-binary=:all:",
    "--implementation=cp",
    "--python-version=311",
    *(f"--platform=manylinux{tag}_x86_64" for tag in ("_2_28", "_2_17", "2014", "1")),
]
_SOURCE = ["--no-binary=:all:", "--no-build-isolation", "--use-pep517"]

_PERMISSIVE = {
    "MIT": r"\bMIT\b",
    "BSD": r"\bBSD\b",
    "Apache-2.0": r"\bApache\b",
    "PSF-2.0": r"\bPSF|Python Software Foundation",
    "ISC": r"\bISC\b",
}
_OTHER = re.compile(
    r"GPL|MPL|Mozilla|EUPL|CC-BY-(SA|NC|ND)|Proprietary|Commercial|LicenseRef", re.IGNORECASE
)


@dataclass(frozen=True)
class Source:
    """A package.

    Args:
        name: On PyPI.
        form: A wheel, or the source archive.
        use: What for: to train, held out to measure or to choose with, or to ask.
        version: Which one.
        file: The archive's name.
        sha256: Of the archive.
        licence: By its own metadata.
    """

    name: str
    form: Literal["wheel", "sdist"]
    use: Literal["train", "cells", "choosing", "functions", "teacher"]
    version: str
    file: str
    sha256: str
    licence: str


class RefusedError(Exception):
    """A package is not what may be used."""


def sources(cache: Path) -> list[tuple[Source, Path]]:
    """Return all packages with their archives, downloaded when they are not in `cache`.

    Raises:
        RefusedError: An archive is not the one that is pinned, or its licence is none of ours.
    """
    known = (
        {each["name"]: Source(**each) for each in json.loads(LOCK.read_text())}
        if LOCK.exists()
        else {}
    )
    found = []
    for line in (HERE / "sources.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        form, use, name = line.split()
        found.append(_fetch(name, form, use, known.get(name), cache / form))
    LOCK.write_text(json.dumps([asdict(source) for source, _ in found], indent=1) + "\n")
    return found


def _fetch(
    name: str, form: str, use: str, pinned: Source | None, folder: Path
) -> tuple[Source, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / pinned.file if pinned else _archive_of(name, folder)
    if archive is None or not archive.exists():
        wanted = f"{name}=={pinned.version}" if pinned else name
        print(f"downloading {wanted}", flush=True)
        _download(wanted, form, folder)
        archive = folder / pinned.file if pinned else _archive_of(name, folder)
    if archive is None or not archive.exists():
        raise RefusedError(f"pip did not bring the archive of {name}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if pinned:
        if digest != pinned.sha256:
            raise RefusedError(f"{archive.name} is not the archive that sources.lock.json pins")
        return Source(**{**asdict(pinned), "use": use}), archive
    told = metadata(archive)
    version = re.search(r"(?m)^Version: *(\S+)", told)
    licence = licence_of(told)
    if not licence or not version:
        raise RefusedError(
            f"{name} states no licence that is permissive: leave it out of sources.txt"
        )
    return Source(name, form, use, version[1], archive.name, digest, licence), archive


def licence_of(told: str) -> str:
    """Return the permissive licence that metadata state, or nothing."""
    head = told.partition("\n\n")[0]
    expression = re.search(r"(?m)^License-Expression: *(.+)$", head)
    classifiers = " ".join(re.findall(r"(?m)^Classifier: License :: (.+)$", head))
    free = re.search(r"(?m)^License: *(.+)$", head)
    stated = " ".join(filter(None, [expression and expression[1], classifiers, free and free[1]]))
    if _OTHER.search(stated):
        return ""
    return expression[1].strip() if expression else _plain_name(stated)


def _plain_name(stated: str) -> str:
    return " / ".join(name for name, form in _PERMISSIVE.items() if re.search(form, stated))


def _archive_of(name: str, folder: Path) -> Path | None:
    form = re.compile(
        re.sub(r"[-_.]+", "[-_.]", re.escape(name).replace("\\-", "-")) + r"-\d", re.IGNORECASE
    )
    return next((path for path in sorted(folder.iterdir()) if form.match(path.name)), None)


def _download(wanted: str, form: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    choice = _WHEEL if form == "wheel" else _SOURCE
    paths = {"PYTHONPATH": str(HERE / "build_backend")} if form == "sdist" else {}
    subprocess.run([*pip, *choice, wanted], check=True, env={**os.environ, **paths})
