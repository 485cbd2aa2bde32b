"""Chroma's embedding functions (Ollama, OpenAI, sentence-transformers …) as embedders.

They are of Chroma and of their services; here they get one shape, errors of one line without
keys, and a name that changes when the vectors would.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.vectors.client import chroma

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

BATCH = 64
"""Texts in one request; services refuse very long ones."""

SECRET = re.compile(r"key|token|secret|password|credential|header|auth|session", re.IGNORECASE)
ADDRESS = re.compile(r"url|base|host|endpoint|timeout|thread|device", re.IGNORECASE)
DOWNLOADING = {"default", "onnx_mini_lm_l6_v2", "sentence_transformer", "instructor", "text2vec"}
"""They fetch their model from the internet when it is not there."""


def function_names() -> list[str]:
    """Return the names of all that Chroma has; empty without Chroma."""
    try:
        return sorted(_registry())
    except ToolError:
        return []


class ChromaFunctionEmbedder:
    """An embedder (see `Embedder`) that asks one of Chroma's embedding functions.

    Args:
        function: Its name in Chroma's registry, such as ``ollama``.
        options: Its arguments.

    Raises:
        ToolError: ``unavailable`` when Chroma or what the function needs is not installed,
            ``invalid_arguments`` when there is none of that name or an option is wrong.
    """

    def __init__(self, function: str, options: Mapping[str, Any]) -> None:
        self._function = function
        self._options = dict(options)
        self._secrets = [text for text in _secrets(self._options) if text]
        self._asking = threading.Lock()
        self._made = self._make()

    @property
    def name(self) -> str:
        """``chroma-``, the function and a hash of its options (without keys and addresses)."""
        told = {
            name: value
            for name, value in self._options.items()
            if not SECRET.search(name) and not ADDRESS.search(name)
        }
        text = json.dumps(told, sort_keys=True, default=str)
        return (
            f"chroma-{self._function}-{hashlib.blake2b(text.encode(), digest_size=5).hexdigest()}"
        )

    @property
    def note(self) -> str:
        """What a reader of the index's status should know of it; empty for nothing."""
        if self._function not in DOWNLOADING:
            return ""
        return f"chroma:{self._function} fetches its model from the internet when it is not there."

    @cached_property
    def dimensions(self) -> int:
        """Length of a vector; found by embedding a word."""
        return int(self._rows(["one"], is_question=False).shape[1])

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text.

        Raises:
            ToolError: ``unavailable`` when its service does not answer as it should.
        """
        return self._embed(texts, is_question=False)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions, if the function tells them from documents."""
        return self._embed(texts, is_question=True)

    def _embed(self, texts: Sequence[str], *, is_question: bool) -> Vectors:
        import numpy as np

        starts = range(0, len(texts), BATCH)
        rows = [self._rows(texts[at : at + BATCH], is_question=is_question) for at in starts]
        if not rows:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.concatenate(rows)

    def _rows(self, texts: Sequence[str], *, is_question: bool) -> Vectors:
        import numpy as np

        # An empty text is refused by most services.
        asked = [text if text.strip() else "-" for text in texts]
        ask = self._made.embed_query if is_question else self._made
        try:
            with self._asking:
                rows = np.asarray(ask(asked), dtype=np.float32)
        except Exception as error:
            raise self._failed(error) from error
        if rows.ndim != 2 or len(rows) != len(asked):  # noqa: PLR2004
            raise self._failed(ValueError(f"{len(rows)} answers to {len(asked)} texts"))
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        found: Vectors = rows / np.maximum(lengths, np.float32(1e-12))
        return found

    def _make(self) -> Any:
        registry = _registry()
        if self._function not in registry:
            raise ToolError(
                "invalid_arguments",
                f"Chroma has no embedding function {self._function!r}.",
                f"It has: {', '.join(sorted(registry))}.",
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return registry[self._function](**self._options)
        except TypeError as error:
            raise ToolError(
                "invalid_arguments",
                f"chroma:{self._function} does not take these options ({self._told(error)}).",
                "Change search_embedder_options.",
            ) from error
        except Exception as error:
            raise ToolError(
                "unavailable",
                f"chroma:{self._function} cannot be used ({self._told(error)}).",
                "Install what it names, or change search_embedder and search_embedder_options.",
            ) from error

    def _failed(self, error: Exception) -> ToolError:
        return ToolError(
            "unavailable",
            f"chroma:{self._function} did not embed ({type(error).__name__}: {self._told(error)}).",
            "Look whether its service runs and has the model, and at search_embedder_options.",
        )

    def _told(self, error: Exception) -> str:
        """The first line of an error, without what is secret in the options."""
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line[:200]


def _registry() -> Mapping[str, Any]:
    chroma()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from chromadb.utils import embedding_functions
    known: Mapping[str, Any] = embedding_functions.known_embedding_functions
    return known


def _secrets(options: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in options.items():
        if isinstance(value, dict):
            found += [str(inner) for inner in value.values()] if SECRET.search(name) else []
            found += _secrets(value)
        elif SECRET.search(name) and not name.endswith("_env_var"):
            found.append(str(value))
    return sorted(found, key=len, reverse=True)
