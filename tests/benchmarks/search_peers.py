"""What else finds code without a network: ripgrep, BM25, and semble on another model.

semble's own model is fetched from a hub at the first use. Where there is no hub its pipeline runs
on the table of word vectors of the package `wordllama`, which installs from PyPI.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from benchmarks.search_data import CACHE, Wheel, fetched
from benchmarks.search_metrics import K
from jupyter_mcp.toolsets.search.lexical.stop_words import STOP_WORDS

WORDLLAMA = Wheel("wordllama", "0.4.0.post1", "wordllama")
_MODEL = CACHE / "semble-model"
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Return the words that somebody would look for with a tool that knows words only."""
    found = dict.fromkeys(word.lower() for word in _WORD.findall(text))
    return [word for word in found if word not in STOP_WORDS and len(word) > 1] or list(found)


class Ripgrep:
    """Files of a folder by how many of the words they have, then by how often."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def best(self, text: str) -> list[str]:
        """Return the paths of the best files."""
        patterns = [part for word in words(text) for part in ("-e", word)]
        ran = subprocess.run(
            ("rg", "-o", "-i", "-F", "-N", "--with-filename", "--no-heading", *patterns, "."),
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for line in ran.stdout.splitlines():
            path, _, word = line.partition(":")
            counts[path.removeprefix("./")][word.lower()] += 1
        return sorted(counts, key=lambda path: (-len(counts[path]), -counts[path].total(), path))


class Bm25:
    """BM25 over documents, words and identifiers split: semble's."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        from semble.index.bm25 import BM25
        from semble.tokens import tokenize

        self._tokenize, self._ids = tokenize, list(texts)
        self._index = BM25.empty()
        for name, text in texts.items():
            self._index.add_document(name, tokenize(text))
        self._index.set_doc_order(self._ids)

    def best(self, text: str) -> list[str]:
        """Return the ids of the best documents."""
        asked = [word for word in self._tokenize(text) if word not in STOP_WORDS]
        scores = self._index.get_scores(asked or self._tokenize(text))
        best = scores.argsort(kind="stable")[::-1][:K]
        return [self._ids[at] for at in best if scores[at] > 0]


class Semble:
    """semble's whole pipeline over a folder."""

    def __init__(self, folder: Path) -> None:
        model = semble_model()
        os.environ["SEMBLE_CACHE_LOCATION"] = tempfile.mkdtemp(prefix="bench-semble-")
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        from semble import SembleIndex

        self._index = SembleIndex.from_path(folder, model_path=str(model))

    def best(self, text: str) -> list[str]:
        """Return the paths of the best pieces."""
        found = self._index.search(text, top_k=K)
        return [Path(one.chunk.file_path).as_posix() for one in found]


def semble_model() -> Path:
    """Return a folder with a model that semble can load, made from wordllama's table."""
    if not _MODEL.is_dir():
        import numpy as np
        from model2vec import StaticModel
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        package = fetched("wordllama", WORDLLAMA)
        table = next(iter(load_file(next(package.rglob("*.safetensors"))).values()))
        tokenizer = Tokenizer.from_file(str(next(package.rglob("*tokenizer*.json"))))
        StaticModel(table.astype(np.float32), tokenizer).save_pretrained(str(_MODEL))
    return _MODEL
