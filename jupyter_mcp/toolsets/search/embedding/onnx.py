"""A sentence transformer as an ONNX file in a folder of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors


class OnnxEmbedder:
    """An embedder (see `Embedder`) from a folder with ``model*.onnx`` and ``tokenizer.json``.

    Args:
        folder: The folder; the model may lie in its subfolder ``onnx``, as Hugging Face has it.
        threads: How many threads embed.

    Raises:
        ToolError: ``not_found`` when a file is missing, ``unavailable`` when it cannot be read or
            a library is not installed.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        raise NotImplementedError

    @property
    def name(self) -> str:
        """``onnx-`` and a hash of the model and its tokenizer."""
        raise NotImplementedError

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        raise NotImplementedError

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text."""
        raise NotImplementedError

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same; such models do not tell questions from documents."""
        raise NotImplementedError
