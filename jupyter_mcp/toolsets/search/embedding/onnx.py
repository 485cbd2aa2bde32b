"""A sentence transformer as an ONNX file in a folder of the user's.

It is for models such as MiniLM: the mean over the tokens of a text, of length 1. Nothing is
downloaded. ONNX Runtime gets few threads, because the server has to stay responsive meanwhile.
"""

from __future__ import annotations

import hashlib
import importlib
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

TOKENS = 256
BATCH = 16
BLOCK = 1024 * 1024
INSTALL = "pip install onnxruntime tokenizers"


class OnnxEmbedder:
    """An embedder (see `Embedder`) from a folder with ``model*.onnx`` and ``tokenizer.json``.

    Args:
        folder: The folder; the model may lie in its subfolder ``onnx``, as Hugging Face has it.
            Of several models the smallest is taken, which is the quickest.
        threads: How many threads embed.

    Raises:
        ToolError: ``not_found`` when a file is missing.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._folder = folder
        self._model = _model_in(folder)
        self._words = _tokenizer_for(folder, self._model)
        self._threads = threads
        self._loading = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @cached_property
    def name(self) -> str:
        """``onnx-`` and a hash of the model and its tokenizer."""
        digest = hashlib.blake2b(digest_size=6)
        try:
            for path in (self._model, self._words):
                with path.open("rb") as file:
                    while block := file.read(BLOCK):
                        digest.update(block)
        except OSError as error:
            raise self._unreadable(error) from error
        return f"onnx-{digest.hexdigest()}"

    @cached_property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.embed_documents(["one"]).shape[1])

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text.

        Raises:
            ToolError: ``unavailable`` when a file cannot be read or a library is missing.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        session, tokenizer = self._load()
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        rows: list[Vectors] = []
        for start in range(0, len(order), BATCH):
            batch = [texts[row] for row in order[start : start + BATCH]]
            try:
                rows.append(_embed(session, tokenizer.encode_batch(batch)))
            except Exception as error:
                raise self._unreadable(error) from error
        vectors = np.concatenate(rows)
        back = np.empty_like(vectors)
        back[order] = vectors
        return back

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same; such models do not tell questions from documents."""
        return self.embed_documents(texts)

    def _load(self) -> tuple[Any, Any]:
        with self._loading:
            if self._loaded is None:
                self._loaded = (self._session(), self._tokenizer())
            return self._loaded

    def _session(self) -> Any:
        runtime = _library("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return runtime.InferenceSession(
                str(self._model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise self._unreadable(error) from error

    def _tokenizer(self) -> Any:
        library = _library("tokenizers")
        try:
            made = library.Tokenizer.from_file(str(self._words))
            made.enable_truncation(max_length=TOKENS)
            made.enable_padding()
        except Exception as error:
            raise self._unreadable(error) from error
        return made

    def _unreadable(self, error: Exception) -> ToolError:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return ToolError(
            "unavailable",
            f"The model in {self._folder} cannot be used ({told}).",
            "It has to be a sentence transformer as ONNX with its tokenizer.json; copy it again.",
        )


def _embed(session: Any, encoded: Sequence[Any]) -> Vectors:
    """Return the mean over the tokens of each text, of length 1."""
    import numpy as np

    mask = np.array([found.attention_mask for found in encoded], dtype=np.int64)
    inputs = {
        "input_ids": np.array([found.ids for found in encoded], dtype=np.int64),
        "attention_mask": mask,
        "token_type_ids": np.zeros_like(mask),
    }
    wanted = {found.name for found in session.get_inputs()}
    output = session.run(None, {name: inputs[name] for name in inputs if name in wanted})[0]
    if output.ndim == 3:  # noqa: PLR2004
        weights = mask[:, :, None].astype(np.float32)
        output = (output * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0)
    lengths = np.linalg.norm(output, axis=1, keepdims=True)
    found: Vectors = (output / np.maximum(lengths, 1e-12)).astype(np.float32)
    return found


def _model_in(folder: Path) -> Path:
    found = [path for place in (folder, folder / "onnx") for path in place.glob("model*.onnx")]
    if not found:
        raise ToolError(
            "not_found",
            f"There is no model*.onnx in {folder}.",
            "Name a folder that has a sentence transformer as ONNX: search_embedder = onnx:/folder",
        )
    return min(found, key=lambda path: (path.stat().st_size, path.name))


def _tokenizer_for(folder: Path, model: Path) -> Path:
    for place in dict.fromkeys((model.parent, folder)):
        if (place / "tokenizer.json").is_file():
            return place / "tokenizer.json"
    raise ToolError(
        "not_found",
        f"There is no tokenizer.json beside {model}.",
        "Copy the file tokenizer.json of the same model there.",
    )


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ToolError(
            "unavailable", f"An ONNX model needs the library {name} ({error}).", INSTALL
        ) from error
