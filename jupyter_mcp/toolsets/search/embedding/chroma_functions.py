"""Chroma's embedding functions (Ollama, OpenAI, sentence-transformers …) as embedders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors


def function_names() -> list[str]:
    """Return the names of all that Chroma has; empty without Chroma."""
    raise NotImplementedError


class ChromaFunctionEmbedder:
    """An embedder (see `Embedder`) that asks one of Chroma's embedding functions.

    Args:
        function: Its name in Chroma's registry, such as ``ollama``.
        options: Its arguments.

    Raises:
        ToolError: ``unavailable`` when it or its service cannot be used, ``invalid_arguments``
            when there is none of that name or an option is wrong.
    """

    def __init__(self, function: str, options: Mapping[str, Any]) -> None:
        raise NotImplementedError

    @property
    def name(self) -> str:
        """``chroma-``, the function and a hash of its options (without keys and addresses)."""
        raise NotImplementedError

    @property
    def dimensions(self) -> int:
        """Length of a vector; found by embedding a word."""
        raise NotImplementedError

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text."""
        raise NotImplementedError

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions, if the function tells them from documents."""
        raise NotImplementedError
