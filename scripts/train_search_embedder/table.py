"""Writes the table that is shipped, and what it was made of."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
from sources import Source
from training import Floats

_HEAD = """\
# What the search embedder is trained on

<!-- Written by `python scripts/train_search_embedder`; change the script instead. -->

The table `{name}` is learned from {pairs} pairs of a sentence and a piece of code out of {packages}
packages from PyPI: docstrings and their functions, names and bodies, comments and what follows
them, and the Markdown and code cells of notebooks. No text of theirs is in the table, which holds a
vector for each word. Each package states a permissive licence in its metadata; the script refuses
one that does not."""

_FOOT = """\
Each word starts from what the model all-MiniLM-L6-v2 (Apache-2.0) makes of it. Its weights and its
tokenizer come from the packages {teacher};
only making the table needs them.

Held out, so never trained on:

- to measure with: {cells};
- to choose with: {choosing} for cells, {functions} for functions."""

_USES = ("teacher", "cells", "choosing", "functions")


def write_table(path: Path, words: list[str], table: Floats) -> None:
    """Write words and vectors, with 8 bits for a number and a scale for each word."""
    scales = (np.abs(table).max(axis=1) / 127 + 1e-12).astype(np.float32)
    np.savez(
        path,
        table=np.rint(table / scales[:, None]).astype(np.int8),
        scales=scales,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
    )


def write_origin(path: Path, name: str, used: list[Source], pairs: Counter[str]) -> None:
    """Write which packages a table was learned from, with how many pairs of each."""
    told = {
        "name": name,
        "teacher": [_account(source) for source in used if source.use == "teacher"],
        "packages": [
            _account(source) | {"pairs": pairs[source.name]}
            for source in used
            if source.use == "train"
        ],
    }
    path.write_text(json.dumps(told, indent=1) + "\n")


def _account(source: Source) -> dict[str, str]:
    kept = ("name", "version", "licence", "sha256")
    return {name: value for name, value in asdict(source).items() if name in kept}


def page(origin: Path, used: list[Source]) -> str:
    """Return the page of the documentation that tells it."""
    told = json.loads(origin.read_text())
    total = sum(package["pairs"] for package in told["packages"])
    lines = [
        *_HEAD.format(
            name=told["name"], pairs=f"{total:,}", packages=len(told["packages"])
        ).splitlines(),
        "",
        "| package | version | licence | pairs | SHA-256 of the archive |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {each['name']} | {each['version']} | {each['licence']} | {each['pairs']:,} "
        f"| `{each['sha256'][:16]}…` |"
        for each in told["packages"]
    ]
    lines += ["", *_FOOT.format(**{use: _names(used, use) for use in _USES}).splitlines()]
    return "\n".join(lines) + "\n"


def _names(used: list[Source], use: str) -> str:
    return ", ".join(f"{source.name} {source.version}" for source in used if source.use == use)
