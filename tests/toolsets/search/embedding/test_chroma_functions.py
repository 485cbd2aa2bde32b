"""Chroma's functions against a service that speaks for real over HTTP, on this machine."""

from __future__ import annotations

import importlib.util
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.embedding.chroma_functions import (
    ChromaFunctionEmbedder,
    function_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-very-secret-1234"


class Service:
    """A stand-in for services of embeddings: text-embeddings-inference, Ollama and OpenAI.

    A text's vector counts its letters. It notes what it was asked; it can be told to refuse.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.refusal = ""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append((self.path, body, self.headers.get("Authorization", "")))
                status, answer = service.answer(self.path, body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return what each service answers."""
        if self.refusal:
            return 500, {"error": self.refusal}
        texts = body.get("inputs") or body["input"]
        rows = [[text.count(letter) + 0.5 for letter in "abcdefgh"] for text in texts]
        if path == "/api/embed":
            return 200, {"model": body["model"], "embeddings": rows}
        if path == "/v1/embeddings":
            data = [{"index": at, "embedding": row} for at, row in enumerate(rows)]
            return 200, {"object": "list", "model": body["model"], "data": data}
        return 200, rows

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    """A service of embeddings."""
    with Service() as running:
        yield running


def of_server(service: Service, **options: Any) -> ChromaFunctionEmbedder:
    """The function that needs no other package."""
    return ChromaFunctionEmbedder("huggingface_server", {"url": f"{service.url}/embed", **options})


def test_texts_become_rows_of_length_1(service: Service) -> None:
    embedder = of_server(service, api_key=KEY)
    assert embedder.dimensions == 8
    rows = embedder.embed_documents(["aaa", "bbb", "", *["c" * n for n in range(1, 130)]])
    assert rows.shape == (132, 8)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(132), abs=1e-5)
    assert rows[0].argmax() == 0
    assert rows[1].argmax() == 1
    assert [len(body["inputs"]) for _, body, _ in service.asked] == [1, 64, 64, 4]
    assert {key for _, _, key in service.asked} == {f"Bearer {KEY}"}
    assert all(text for _, body, _ in service.asked for text in body["inputs"])
    assert embedder.embed_queries(["aa"])[0] == pytest.approx(embedder.embed_documents(["aa"])[0])
    assert embedder.embed_documents([]).shape == (0, 8)


@pytest.mark.parametrize(
    ("function", "options", "path"),
    [
        (function, options, path)
        for function, options, path in [
            ("ollama", {"url": "{url}", "model_name": "nomic-embed-text"}, "/api/embed"),
            (
                "openai",
                {"api_base": "{url}/v1", "api_key": KEY, "model_name": "text-embedding-3-small"},
                "/v1/embeddings",
            ),
            ("huggingface_server", {"url": "{url}/embed"}, "/embed"),
        ]
        if function == "huggingface_server" or importlib.util.find_spec(function)
    ],
)
def test_services_by_name(
    service: Service, function: str, options: dict[str, str], path: str
) -> None:
    filled = {name: value.replace("{url}", service.url) for name, value in options.items()}
    embedder = ChromaFunctionEmbedder(function, filled)
    assert embedder.embed_documents(["aaa", "bbb"]).argmax(axis=1).tolist() == [0, 1]
    assert service.asked[0][0] == path


def test_its_name_tells_models_apart_and_neither_keys_nor_addresses(service: Service) -> None:
    one = of_server(service)
    other = ChromaFunctionEmbedder("huggingface_server", {"url": "http://b", "api_key": KEY})
    assert one.name == other.name
    assert KEY not in other.name
    assert one.name.startswith("chroma-huggingface_server-")


@pytest.mark.parametrize("refusal", ["the model is not loaded", f"wrong key {KEY}"])
def test_a_refusal_is_one_line_without_the_key(service: Service, refusal: str) -> None:
    embedder = of_server(service, api_key=KEY)
    service.refusal = refusal
    with pytest.raises(ToolError, match="chroma:huggingface_server did not embed") as told:
        embedder.embed_documents(["aaa"])
    assert told.value.code == "unavailable"
    assert KEY not in str(told.value)
    assert "search_embedder_options" in told.value.remedy


def test_a_service_that_is_not_there_is_told_and_may_come_back() -> None:
    with Service() as service:
        embedder = of_server(service)
        assert embedder.dimensions == 8
    with pytest.raises(ToolError, match=r"did not embed .*Connect") as told:
        embedder.embed_queries(["aaa"])
    assert told.value.code == "unavailable"


def test_what_chroma_has_not_is_told_with_what_it_has() -> None:
    with pytest.raises(ToolError, match="Chroma has no embedding function 'olama'") as told:
        ChromaFunctionEmbedder("olama", {})
    assert told.value.code == "invalid_arguments"
    assert "ollama" in told.value.remedy
    assert {"ollama", "openai", "sentence_transformer"} <= set(function_names())


def test_options_that_it_does_not_take_are_told() -> None:
    with pytest.raises(ToolError, match="does not take these options") as told:
        ChromaFunctionEmbedder("huggingface_server", {"adress": "http://a", "api_key": KEY})
    assert told.value.code == "invalid_arguments"
    assert KEY not in str(told.value)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cohere", None)
    with pytest.raises(ToolError, match="cohere python package is not installed") as told:
        ChromaFunctionEmbedder("cohere", {"api_key": KEY})
    assert told.value.code == "unavailable"


def test_functions_that_download_say_so() -> None:
    assert "from the internet" in ChromaFunctionEmbedder("default", {}).note
    assert ChromaFunctionEmbedder("huggingface_server", {"url": "http://a"}).note == ""
