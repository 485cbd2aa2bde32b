"""Stand-ins for services of embeddings, which speak over HTTP as the real ones do."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Asked:
    """A request."""

    path: str
    body: Mapping[str, Any]
    key: str

    @property
    def texts(self) -> list[str]:
        texts = self.body.get("inputs") or self.body["input"]
        return [texts] if isinstance(texts, str) else list(texts)


@dataclass
class EmbeddingService:
    """OpenAI's, Ollama's and text-embeddings-inference's in one, told apart by their paths.

    A text's vector counts its letters; that of a model with fewer dimensions only the first ones.

    Args:
        models: What it has, with the length of their vectors.
        key: What a request has to bring; empty for nothing.
    """

    models: dict[str, int] = field(
        default_factory=lambda: {"text-embedding-3-small": 26, "nomic-embed-text": 12}
    )
    key: str = ""
    asked: list[Asked] = field(default_factory=list)
    troubles: list[tuple[int, str]] = field(default_factory=list)
    """Statuses with a text, given to the next requests instead of vectors."""
    is_broken: int = 0
    """The status of every answer from now on; 0 for good ones."""
    go: threading.Event = field(default_factory=threading.Event)
    """While it is not set, answers wait."""
    port: int = 0

    def __post_init__(self) -> None:
        self.go.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai(self) -> dict[str, Any]:
        """Options of ``chroma:openai``, without a key."""
        return {"api_base": f"{self.url}/v1", "model_name": "text-embedding-3-small"}

    @property
    def ollama(self) -> dict[str, Any]:
        """Options of ``chroma:ollama``."""
        return {"url": self.url, "model_name": "nomic-embed-text"}

    def answer(self, asked: Asked) -> tuple[int, Mapping[str, str], Any]:
        """Return a status, headers and what is answered."""
        if self.troubles or self.is_broken:
            status, text = self.troubles.pop(0) if self.troubles else (self.is_broken, "broken")
            return status, {}, _refusal(asked, text)
        if self.key and asked.key != self.key:
            return 401, {}, _refusal(asked, f"Incorrect API key provided: {asked.key}.")
        if asked.path == "/embed":
            return 200, {}, vectors(asked.texts, 26)
        length = self.models.get(asked.body["model"])
        if length is None:
            return 404, {}, _refusal(asked, f'model "{asked.body["model"]}" not found')
        rows = vectors(asked.texts, asked.body.get("dimensions") or length)
        if asked.path == "/api/embed":
            return 200, {}, {"model": asked.body["model"], "embeddings": rows}
        told: Sequence[Any] = rows
        if asked.body.get("encoding_format") == "base64":
            told = [base64.b64encode(np.float32(row).tobytes()).decode() for row in rows]
        data = [{"object": "embedding", "index": at, "embedding": e} for at, e in enumerate(told)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        model = asked.body["model"]
        return 200, {}, {"object": "list", "model": model, "data": data, "usage": usage}

    def start(self) -> None:
        """Answer, at the same port when it did before."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers.get("Authorization", "").removeprefix("Bearer ")
                asked = Asked(self.path, body, key)
                service.asked.append(asked)
                service.go.wait()
                status, headers, answer = service.answer(asked)
                text = json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except ConnectionError:  # who asked has gone
                    return

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def vectors(texts: Sequence[str], length: int) -> list[list[float]]:
    """Return how often each letter is in each text."""
    return [[text.lower().count(one) + 0.5 for one in LETTERS[:length]] for text in texts]


def _refusal(asked: Asked, text: str) -> Any:
    """Return an error as each service words it."""
    if asked.path.startswith("/v1/"):
        return {"error": {"message": text, "type": "error", "param": None, "code": None}}
    return {"error": text, "error_type": "error"} if asked.path == "/embed" else {"error": text}
