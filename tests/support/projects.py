"""Makes folders to index."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def project(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a folder, with the folders that they need."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def notebook(*cells: Mapping[str, Any], language: str = "python") -> str:
    """Return the text of a notebook file."""
    return json.dumps(
        {
            "cells": list(cells),
            "metadata": {"language_info": {"name": language}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def code(identity: str, source: str, *printed: str) -> dict[str, Any]:
    """Return a code cell that printed something."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": text} for text in printed]
    return {"cell_type": "code", "id": identity, "source": source, "outputs": outputs}


def markdown(identity: str, source: str) -> dict[str, Any]:
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "id": identity, "source": source}


def git_ignored(folder: Path, paths: Sequence[str]) -> set[str]:
    """Return which of some paths git itself would ignore."""
    (folder / ".git").exists() or subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    told = subprocess.run(
        ["git", "check-ignore", "-z", "--no-index", "--stdin"],
        cwd=folder,
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    assert told.returncode in {0, 1}, told.stderr
    return {path.decode() for path in told.stdout.split(b"\0") if path}


def slow_source() -> str:
    """Return a documented module that takes most of a second to parse."""
    return '"""Slow."""\n' + "x = [{'a': (1, -2, not b, c.d[e](f))}]\n" * 25_000
