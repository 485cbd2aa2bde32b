"""Chroma's embedding functions (Ollama, OpenAI, sentence-transformers …) as embedders.

They are of Chroma and of their services; here they get one shape, errors of one line without
keys, and a name that changes when the vectors would.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import inspect
import json
import os
import re
import threading
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.embedding.patience import Patience, is_passing, tune
from jupyter_mcp.toolsets.search.vectors.client import chroma

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

BATCH = 64
"""Texts in one request; services refuse very long ones."""

LOCAL_BATCH = 8
"""Texts that are embedded in this process between two looks whether to end."""

SECRET = re.compile(r"key|token|secret|password|credential|header|auth|session", re.IGNORECASE)
ADDRESS = re.compile(r"url|base|host|endpoint|timeout|thread|device", re.IGNORECASE)
LEAST_SECRET = 8
"""Shorter values of environment variables are no secrets."""

FIRST_SECONDS = 20.0
"""How long the first answer may take: a service may have to load its model."""

WELL_KNOWN = ("ollama", "openai", "sentence_transformer", "huggingface_server")
"""What most look for, of some thirty."""

DOWNLOADING = {"default", "onnx_mini_lm_l6_v2", "sentence_transformer", "instructor", "text2vec"}
"""They fetch their model from the internet when it is not there."""

LOCAL = {*DOWNLOADING, "open_clip", "chroma_langchain"}
"""They compute in this process, one after the other."""


class ChromaFunctionEmbedder:
    """An embedder (see `Embedder`) that asks one of Chroma's embedding functions.

    Args:
        function: Its name in Chroma's registry, such as ``ollama``.
        options: Its arguments.

    Raises:
        ToolError: ``unavailable`` when Chroma or what the function needs is not installed,
            ``invalid_arguments`` when there is none of that name or an option is wrong; of those
            that fetch a model at the first use of it.
    """

    def __init__(self, function: str, options: Mapping[str, Any]) -> None:
        self._function = function
        self._options = dict(options)
        self._secrets = _secrets(self._options)
        self._patience = Patience()
        self._turn = threading.Lock() if function in LOCAL else contextlib.nullcontext()
        self.batch = LOCAL_BATCH if function in LOCAL else BATCH
        # No `cached_property`: in Python 3.11 all instances wait for one whose service hangs.
        self._function_made: Any = None
        self._length = 0
        if function not in DOWNLOADING:  # those tell their `note` before they fetch anything
            self._function_made = self._make()

    @property
    def _made(self) -> Any:
        if self._function_made is None:
            self._function_made = self._make()
        return self._function_made

    @property
    def name(self) -> str:
        """``chroma-``, the function, a hash of its options, and the length of its vectors.

        The options are those without keys, and without addresses unless the address alone says
        which model it is. The length tells of a model that was replaced under its name.

        Raises:
            ToolError: ``unavailable`` when its service does not answer as it should.
        """
        is_by_address = not any("model" in name for name in _parameters(type(self._made)))
        told = {
            name: _without_password(value)
            for name, value in self._options.items()
            if not SECRET.search(name) and (is_by_address or not ADDRESS.search(name))
        }
        text = json.dumps(told, sort_keys=True, default=str)
        mark = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
        return f"chroma-{self._function}-{mark}-{self.dimensions}"

    @property
    def note(self) -> str:
        """What a reader of the index's status should know of it; empty for nothing."""
        if self._function not in DOWNLOADING:
            return ""
        return f"chroma:{self._function} fetches its model from the internet when it is not there."

    @property
    def dimensions(self) -> int:
        """Length of a vector; found by embedding a word."""

        def ask() -> Vectors:
            return self._patience.again(lambda: self._rows(["one"], self._made))

        if not self._length:
            self._length = int(self._soon(ask, FIRST_SECONDS).shape[1])
        return self._length

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text.

        Raises:
            ToolError: ``unavailable`` when its service does not answer as it should.
        """
        import numpy as np

        starts = range(0, len(texts), BATCH)
        rows = [self._again(texts[at : at + BATCH]) for at in starts]
        if not rows:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.concatenate(rows)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions, if the function tells them from documents.

        A service that does not answer at once is not waited for, nor asked for a while.
        """
        return self._soon(lambda: self._rows(texts, self._made.embed_query))

    def _again(self, texts: Sequence[str]) -> Vectors:
        with self._telling():
            return self._patience.again(lambda: self._rows(texts, self._made))

    def _soon(self, ask: Callable[[], Vectors], *seconds: float) -> Vectors:
        with self._telling():
            return ask() if self._function in LOCAL else self._patience.soon(ask, *seconds)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise self._failed(error) from error

    def _rows(self, texts: Sequence[str], ask: Any) -> Vectors:
        import numpy as np

        # An empty text is refused by most services.
        asked = [text if text.strip() else "-" for text in texts]
        with self._turn:
            rows = np.asarray(ask(asked), dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(asked):  # noqa: PLR2004
            raise ValueError(f"{len(rows)} answers to {len(asked)} texts")
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        found: Vectors = rows / np.maximum(lengths, np.float32(1e-12))
        return found

    def _make(self) -> Any:
        registry = _registry()
        if self._function not in registry:
            near = difflib.get_close_matches(self._function, registry, n=1)
            told = (
                f"Did you mean chroma:{near[0]}?" if near else f"It has {', '.join(WELL_KNOWN)} …"
            )
            raise ToolError(
                "invalid_arguments", f"Chroma has no embedding function {self._function!r}.", told
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = registry[self._function](**self._options)
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
                "Install or set what it names (keys as '${secret:NAME}' among "
                "search_embedder_options), or change search_embedder.",
            ) from error
        self._secrets += _secrets(vars(made))
        if self._function not in LOCAL:
            tune(made)
        return made

    def _failed(self, error: Exception) -> ToolError:
        remedy = (
            "It is asked again later; look whether it runs."
            if is_passing(error)
            else "Look at key, model and address in search_embedder_options."
        )
        return ToolError(
            "unavailable",
            f"chroma:{self._function} did not embed ({type(error).__name__}: {self._told(error)}).",
            remedy,
        )

    def _told(self, error: Exception) -> str:
        """The first line of an error, without what is secret in options and environment."""
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        for secret in sorted({*self._secrets, *_environment()}, key=len, reverse=True):
            line = line.replace(secret, "…")
        return _URL.sub(lambda url: _without_password(url[0]), line)[:200].rstrip(". ")


_URL = re.compile(r"https?://[^\s'\"<>]+")


def _registry() -> Mapping[str, Any]:
    chroma()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from chromadb.utils import embedding_functions
    known: Mapping[str, Any] = embedding_functions.known_embedding_functions
    return known


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(function.__init__).parameters)


def _without_password(value: Any) -> Any:
    """Return a URL without who logs in; anything else as it is."""
    if not isinstance(value, str) or "@" not in value:
        return value
    login = urlsplit(value).netloc.rpartition("@")[0]
    return value.replace(f"{login}@", "", 1) if login else value


def _secrets(options: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in options.items():
        if isinstance(value, dict):
            found += [str(inner) for inner in value.values()] if SECRET.search(name) else []
            found += _secrets(value)
        elif isinstance(value, str) and SECRET.search(name) and not name.endswith("_env_var"):
            found.append(value)
    return [text for text in found if text]


def _environment() -> list[str]:
    """Return what services take from the environment when no option gives it."""
    return [
        value
        for name, value in os.environ.items()
        if SECRET.search(name) and len(value) >= LEAST_SECRET
    ]
