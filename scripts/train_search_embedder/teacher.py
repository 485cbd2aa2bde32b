"""What a MiniLM makes of words, which our vectors start from.

Its int8 weights and its tokenizer come as two packages; both are Apache-2.0 by origin. It is asked
in one thread and what it says is kept in the cache.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from training import Floats

_BATCH = 64
_TOKENS = 64
"""Tokens of a text that are read."""


class Teacher:
    """The model.

    Args:
        model: The archive with ``model.onnx``.
        tokenizer: The archive with ``tokenizer.json``.
        cache: Keeps what was asked.
    """

    def __init__(self, model: Path, tokenizer: Path, cache: Path) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._cache = cache / "teacher"

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return a row of length 1 for each text."""
        told = hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=12)
        kept = self._cache / f"{told.hexdigest()}.npy"
        if not kept.exists():
            found = self._ask(texts)
            self._cache.mkdir(parents=True, exist_ok=True)
            np.save(kept, found.astype(np.float16))
        return np.load(kept).astype(np.float32)

    def _ask(self, texts: Sequence[str]) -> Floats:
        import onnxruntime
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(_member(self._tokenizer, "tokenizer.json").decode())
        tokenizer.no_padding()
        tokenizer.enable_truncation(_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(_member(self._model, "model.onnx"), options)
        ids = [encoded.ids for encoded in tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        found = np.zeros((len(ids), 384), np.float32)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            found[batch] = _run(session, [ids[at] for at in batch])
            if start % (_BATCH * 100) == 0:
                print(f"asking the teacher: {start:,} of {len(order):,}", flush=True)
        return found


def start_of(said: Floats, shares: Floats, dimensions: int) -> Floats:
    """Return the table to start from, out of what the teacher said of each word.

    The teacher's main directions are kept, and a word counts the less the more texts it stands in.
    """
    middled = said - said.mean(axis=0)
    _, directions = np.linalg.eigh(middled.T @ middled)
    rows = middled @ directions[:, ::-1][:, :dimensions]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
    rare = np.float32(0.01)
    return (rows * (rare / (rare + shares))[:, None]).astype(np.float32)


def _run(session: Any, ids: list[list[int]]) -> Floats:
    tokens = np.zeros((len(ids), max(map(len, ids))), np.int64)
    mask = np.zeros_like(tokens)
    for row, each in enumerate(ids):
        tokens[row, : len(each)] = each
        mask[row, : len(each)] = 1
    given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": tokens * 0}
    wanted = {each.name: given[each.name] for each in session.get_inputs()}
    hidden = session.run(None, wanted)[0]
    summed = (hidden * mask[:, :, None]).sum(axis=1)
    return summed / np.linalg.norm(summed, axis=1, keepdims=True)


def _member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        return opened.read(next(each for each in opened.namelist() if each.endswith(f"/{name}")))
