"""Chroma's functions against services that speak for real over HTTP, on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.embedding import patience
from jupyter_mcp.toolsets.search.embedding.chroma_functions import ChromaFunctionEmbedder
from support.embedding_services import EmbeddingService

KEY = "sk-very-secret-1234"

Make = Callable[..., ChromaFunctionEmbedder]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    for name in ("OPENAI_API_KEY", "OLLAMA_API_KEY", "HUGGINGFACE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> Iterator[EmbeddingService]:
    with EmbeddingService() as running:
        yield running


@pytest.fixture(params=["openai", "ollama", "huggingface_server", "huggingface"])
def make(request: pytest.FixtureRequest, service: EmbeddingService) -> Make:
    """What makes an embedder that asks the service by one of Chroma's functions."""
    options: dict[str, dict[str, Any]] = {
        "openai": {**service.openai, "api_key": KEY},
        "ollama": service.ollama,
        "huggingface_server": {"url": f"{service.url}/embed", "api_key": KEY},
        "huggingface": {"api_key": KEY},
    }

    def embedder(**more: Any) -> ChromaFunctionEmbedder:
        made = ChromaFunctionEmbedder(request.param, options[request.param] | more)
        if request.param == "huggingface":  # its address is no option
            made._made._api_url = f"{service.url}/embed"
        return made

    return embedder


def of_server(service: EmbeddingService, **options: Any) -> ChromaFunctionEmbedder:
    """The function that needs no other package."""
    return ChromaFunctionEmbedder("huggingface_server", {"url": f"{service.url}/embed", **options})


def test_texts_become_rows_of_length_1(make: Make, service: EmbeddingService) -> None:
    embedder = make()
    rows = embedder.embed_documents(["aaa", "bbb", "", *["c" * n for n in range(1, 130)]])
    assert rows.shape == (132, embedder.dimensions)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(132), abs=1e-5)
    assert rows[0].argmax() == 0
    assert rows[1].argmax() == 1
    assert [len(each.texts) for each in service.asked] == [64, 64, 4, 1]
    assert all(text for each in service.asked for text in each.texts)
    assert embedder.embed_queries(["aa"])[0] == pytest.approx(embedder.embed_documents(["aa"])[0])
    assert embedder.embed_documents([]).shape == (0, embedder.dimensions)


def test_keys_of_options_and_of_the_environment_are_sent_and_told_nobody(
    make: Make, service: EmbeddingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    embedder = make()
    name = embedder.name
    assert service.asked[0].key == KEY
    service.key = "another"
    with pytest.raises(ToolError, match="Incorrect API key provided: …") as told:
        embedder.embed_documents(["aaa"])
    assert KEY not in f"{told.value} {name}"
    assert "search_embedder_options" in told.value.remedy


def test_a_key_from_the_environment_is_told_nobody(
    service: EmbeddingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    embedder = ChromaFunctionEmbedder("openai", service.openai)
    service.key = "another"
    with pytest.raises(ToolError, match="Incorrect API key provided: …"):
        embedder.embed_documents(["aaa"])


def test_a_password_in_an_address_is_told_nobody(service: EmbeddingService) -> None:
    address = service.url.replace("//", "//me:letmein@")
    embedder = ChromaFunctionEmbedder("huggingface_server", {"url": f"{address}/embed"})
    service.troubles = [(400, f"{address} is not for you")]
    with pytest.raises(ToolError, match="is not for you") as told:
        embedder.embed_documents(["aaa"])
    assert "letmein" not in str(told.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_busy_is_asked_again(
    make: Make, service: EmbeddingService, status: int
) -> None:
    embedder = make()
    service.troubles = [(status, "busy")] * 2
    assert embedder.embed_documents(["aaa"]).shape[0] == 1
    assert len(service.asked) == 3


@pytest.mark.parametrize(("status", "times"), [(429, 4), (500, 4), (400, 1), (401, 1), (404, 1)])
def test_but_not_for_ever_and_not_when_it_says_no(
    make: Make, service: EmbeddingService, status: int, times: int
) -> None:
    embedder = make()
    service.is_broken = status
    with pytest.raises(ToolError, match=rf"did not embed .*{status}") as told:
        embedder.embed_documents(["aaa"])
    assert told.value.code == "unavailable"
    assert "\n" not in str(told.value)
    assert "broken" in str(told.value)
    assert len(service.asked) == times


def test_a_service_that_hangs_is_not_waited_for(
    make: Make, service: EmbeddingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = make()
    assert embedder.dimensions
    monkeypatch.setattr(patience.Patience.soon, "__defaults__", (0.2,))
    service.go.clear()
    for _ in range(3):
        with pytest.raises(ToolError, match=r"no answer within 0\.2 s\)"):
            embedder.embed_queries(["aaa"])
    assert len(service.asked) == 2  # the first word, and the first question
    service.go.set()
    assert embedder.embed_documents(["aaa"]).shape[0] == 1
    assert embedder.embed_queries(["aaa"]).shape[0] == 1


def test_a_service_that_is_not_there_is_told_and_may_come_back(
    make: Make, service: EmbeddingService
) -> None:
    embedder = make()
    service.stop()
    with pytest.raises(ToolError, match=r"did not embed .*[Cc]onnect") as told:
        embedder.embed_documents(["aaa"])
    assert told.value.code == "unavailable"
    assert "asked again" in told.value.remedy
    service.start()
    assert embedder.embed_documents(["aaa"]).shape[0] == 1
    assert embedder.embed_queries(["aaa"]).shape[0] == 1


def test_its_name_tells_models_apart_and_neither_keys_nor_addresses(
    service: EmbeddingService,
) -> None:
    one = ChromaFunctionEmbedder("ollama", service.ollama)
    with EmbeddingService() as elsewhere:
        other = ChromaFunctionEmbedder("ollama", {**elsewhere.ollama, "timeout": 5})
        assert one.name == other.name
    assert one.name.startswith("chroma-ollama-")
    service.models["mxbai"] = 12
    assert ChromaFunctionEmbedder("ollama", {**service.ollama, "model_name": "mxbai"}).name != (
        one.name
    )


def test_a_model_that_was_replaced_under_its_name_has_another_name(
    service: EmbeddingService,
) -> None:
    before = ChromaFunctionEmbedder("ollama", service.ollama).name
    service.models["nomic-embed-text"] = 20
    assert ChromaFunctionEmbedder("ollama", service.ollama).name != before


def test_where_only_the_address_names_the_model_it_counts(service: EmbeddingService) -> None:
    with EmbeddingService() as elsewhere:
        names = {of_server(each, api_key=KEY).name for each in (service, elsewhere)}
    assert len(names) == 2
    assert of_server(service, api_key="x").name in names


def test_the_length_can_be_asked_for(service: EmbeddingService) -> None:
    options = {**service.openai, "api_key": KEY, "dimensions": 7}
    embedder = ChromaFunctionEmbedder("openai", options)
    assert embedder.dimensions == 7
    assert {each.body["dimensions"] for each in service.asked} == {7}


@pytest.mark.parametrize(("given", "told"), [("olama", "chroma:ollama"), ("x", "ollama, openai")])
def test_what_chroma_has_not_is_told_with_what_it_has(given: str, told: str) -> None:
    with pytest.raises(ToolError, match=f"Chroma has no embedding function '{given}'") as error:
        ChromaFunctionEmbedder(given, {})
    assert error.value.code == "invalid_arguments"
    assert told in error.value.remedy


def test_options_that_it_does_not_take_are_told() -> None:
    with pytest.raises(ToolError, match="does not take these options") as told:
        ChromaFunctionEmbedder("huggingface_server", {"adress": "http://a", "api_key": KEY})
    assert told.value.code == "invalid_arguments"
    assert KEY not in str(told.value)


def test_a_key_that_is_missing_is_told_with_how_to_give_it() -> None:
    with pytest.raises(ToolError, match="OPENAI_API_KEY environment variable is not set") as told:
        ChromaFunctionEmbedder("openai", {})
    assert "${secret:NAME}" in told.value.remedy


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cohere", None)
    with pytest.raises(ToolError, match="cohere python package is not installed") as told:
        ChromaFunctionEmbedder("cohere", {"api_key": KEY})
    assert told.value.code == "unavailable"


def test_functions_that_download_say_so() -> None:
    assert "from the internet" in ChromaFunctionEmbedder("default", {}).note
    assert ChromaFunctionEmbedder("huggingface_server", {"url": "http://a"}).note == ""
