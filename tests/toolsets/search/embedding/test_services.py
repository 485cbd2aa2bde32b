"""Services of embeddings, named in the configuration as a user names them, behind the tools."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.toolsets.search import keeping
from jupyter_mcp.toolsets.search.embedding import patience
from support.embedding_services import EmbeddingService
from support.file_benches import Bench
from support.search_trees import small_project
from support.workshops import texts, workshop

KEY = "sk-very-secret-1234"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    for name in ("OPENAI_API_KEY", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> Iterator[EmbeddingService]:
    with EmbeddingService() as running:
        yield running


@contextlib.asynccontextmanager
async def bench(home: Path, embedder: str, options: dict[str, Any]) -> AsyncIterator[Bench]:
    """Start a server over the small project, with a key among its secrets."""
    more = {
        "search_processes": 1,
        "search_embedder": embedder,
        "search_embedder_options": tuple(options.items()),
        "secret_store": "file",
    }
    async with workshop(home, **more) as shop:
        small_project(shop.root)
        await shop.runtime.trust.secrets.set("openai", KEY)
        yield Bench(shop)


async def engines(bench: Bench, **options: Any) -> set[str]:
    """Return what answered a question."""
    hits = (await bench.do("search", query="normalise counts", **options))["hits"]
    return {part for hit in hits for part in hit["parts"]} & {"lexical", "static", "second"}


async def status(bench: Bench) -> str:
    return texts(await bench.ask("index_status"))


async def embedders(bench: Bench) -> list[str]:
    found: list[str] = (await bench.do("index_status"))["sources"][0]["embedders"]
    return found


def files_with(folder: Path, text: str) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]


async def test_openai_by_a_key_that_nobody_sees(
    service: EmbeddingService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service.key = KEY
    options = {**service.openai, "api_key": "${secret:openai}"}
    async with bench(tmp_path, "chroma:openai", options) as openai:
        await openai.do("index_update", wait=True)
        assert await engines(openai) == {"lexical", "static", "second"}
        told = [await status(openai), str(await openai.do("index_status"))]
        service.key = "another"
        told.append(texts(await openai.ask("search", query="upload the results")))
        told.append(await status(openai))
        assert "Incorrect API key" in told[-1]
        assert "search_embedder_options" in told[-1]
    assert KEY not in "".join([*told, caplog.text])
    assert files_with(tmp_path, KEY) == []


async def test_words_and_the_table_answer_while_a_service_is_down(
    service: EmbeddingService, tmp_path: Path
) -> None:
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        service.stop()
        await ollama.do("index_update", wait=True)
        assert await engines(ollama) == {"lexical", "static"}
        assert await engines(ollama, mode="dense") == {"static"}
        [line] = [one for one in (await status(ollama)).splitlines() if "chroma:" in one]
        assert line.startswith("chroma:ollama did not embed (ConnectionError: Failed to connect")
        assert line.endswith("It is asked again later; look whether it runs.")
        service.start()


async def test_what_was_embedded_before_it_went_down_is_found_by_words_and_table(
    service: EmbeddingService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REST_SECONDS", 0.0)
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        await ollama.do("index_update", wait=True)
        assert await engines(ollama) == {"lexical", "static", "second"}
        service.stop()
        assert await engines(ollama) == {"lexical", "static"}
        assert await engines(ollama, mode="dense") == {"static"}
        assert "chroma:ollama did not embed" in await status(ollama)
        service.start()
        async with asyncio.timeout(30):
            while await engines(ollama) != {"lexical", "static", "second"}:  # noqa: ASYNC110 - a thread does it
                await asyncio.sleep(0.05)
        assert "chroma:ollama" not in await status(ollama)


async def test_a_service_that_comes_back_is_asked_without_a_change(
    service: EmbeddingService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REST_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "EMBED_SECONDS", (0.1, 0.2))
    service.stop()
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        await ollama.do("index_update", wait=True)
        assert "chroma:ollama did not embed" in await status(ollama)
        service.start()
        async with asyncio.timeout(20):
            while "chroma:ollama" in await status(ollama):  # noqa: ASYNC110 - a thread does it
                await asyncio.sleep(0.05)
        assert await engines(ollama) == {"lexical", "static", "second"}


async def test_a_service_that_hangs_does_not_keep_the_table_waiting(
    service: EmbeddingService, tmp_path: Path
) -> None:
    service.go.clear()
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        await ollama.do("search", query="counts")
        async with asyncio.timeout(30):
            while "(0 found by words only" not in await status(ollama):  # noqa: ASYNC110 - a thread does it
                await asyncio.sleep(0.05)
        service.go.set()


async def hanging(bench: Bench, service: EmbeddingService) -> None:
    """Wait until the background has asked a service that does not answer."""
    service.go.clear()
    asked = len(service.asked)
    await bench.do("search", query="counts")
    async with asyncio.timeout(30):
        while len(service.asked) == asked:  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("is_known", [False, True])
async def test_a_service_that_hangs_holds_up_nobody_who_stops(
    service: EmbeddingService, tmp_path: Path, *, is_known: bool
) -> None:
    loop = asyncio.get_running_loop()
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        if is_known:
            await ollama.do("index_update", wait=True)
            (ollama.root / "ship.py").write_text("def weigh_anchor():\n    return 'anchor'\n")
        await hanging(ollama, service)
        began = loop.time()
        assert await ollama.do("index_drop") == {"dropped": ["root"]}
        assert loop.time() - began < 10
        await hanging(ollama, service)
        began = loop.time()
        await ollama.shop.runtime.stop()
        assert loop.time() - began < 10
        service.go.set()


async def test_an_update_that_waits_for_a_service_can_be_cancelled(
    service: EmbeddingService, tmp_path: Path
) -> None:
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        await hanging(ollama, service)
        started = await ollama.do("index_update")
        async with asyncio.timeout(10):
            job = await ollama.do("job_cancel", job_id=started["job_id"])
        assert job["status"] == "cancelled"
        service.go.set()


async def test_the_status_tells_what_a_service_has_not_seen(
    service: EmbeddingService, tmp_path: Path
) -> None:
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        await hanging(ollama, service)
        async with asyncio.timeout(30):
            while "(0 found by words only" not in await status(ollama):  # noqa: ASYNC110 - a thread does it
                await asyncio.sleep(0.05)
        [source] = (await ollama.do("index_status"))["sources"]
        assert source["unseen"] == source["chunks"]
        assert f"{source['chunks']} not seen by the second embedder" in await status(ollama)
        service.go.set()
        await ollama.do("index_update", wait=True)
        assert (await ollama.do("index_status"))["sources"][0]["unseen"] == 0
        assert "not seen" not in await status(ollama)


async def test_a_quick_service_gets_many_texts_at_once(
    service: EmbeddingService, tmp_path: Path
) -> None:
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        for number in range(200):
            text = f"def call_{number}(number):\n    return number + {number}\n" * 30
            (ollama.root / f"more{number}.py").write_text(text)
        await ollama.do("index_update", wait=True)
        assert await engines(ollama) == {"lexical", "static", "second"}
    sizes = [len(each.texts) for each in service.asked]
    assert max(sizes) == 64
    assert sum(sizes) / len(sizes) > 20


@pytest.mark.parametrize(
    ("embedder", "options", "told"),
    [
        ("cromma:x", {}, "There is no embedder 'cromma:x'."),
        ("chroma:openai", {"api_key": "${secret:nobody}"}, "There is no secret 'nobody'."),
    ],
)
async def test_words_answer_whatever_the_settings_say(
    tmp_path: Path, embedder: str, options: dict[str, Any], told: str
) -> None:
    async with bench(tmp_path, embedder, options) as wrong:
        await wrong.do("index_update", wait=True)
        assert await engines(wrong) == {"lexical", "static"}
        assert told in await status(wrong)


async def test_a_busy_service_is_waited_for(service: EmbeddingService, tmp_path: Path) -> None:
    async with bench(tmp_path, "chroma:ollama", service.ollama) as ollama:
        service.models = {"nomic-embed-text": 12}
        await ollama.do("search", query="counts")
        service.troubles = [(429, "busy"), (503, "loading")]
        (ollama.root / "ship.py").write_text("def weigh_anchor():\n    return 'anchor'\n")
        await ollama.do("index_update", wait=True)
        assert service.troubles == []
        assert await engines(ollama) == {"lexical", "static", "second"}
        assert "chroma:ollama" not in await status(ollama)


@pytest.mark.parametrize("is_pulled_anew", [True, False])
async def test_another_model_has_its_vectors_made_anew(
    service: EmbeddingService, tmp_path: Path, *, is_pulled_anew: bool
) -> None:
    first = tmp_path
    async with bench(first, "chroma:ollama", service.ollama) as ollama:
        await ollama.do("index_update", wait=True)
        [_, before] = await embedders(ollama)
        root = ollama.root
    options = service.ollama
    if is_pulled_anew:
        service.models["nomic-embed-text"] = 20
    else:
        service.models["mxbai"] = 12
        options["model_name"] = "mxbai"
    asked = len(service.asked)
    (first / "root").rename(first / "before")
    async with bench(first, "chroma:ollama", options) as ollama:
        assert ollama.root == root
        assert "lexical" in await engines(ollama)
        await ollama.do("index_update", wait=True)
        assert await engines(ollama) == {"lexical", "static", "second"}
        [_, after] = await embedders(ollama)
    assert after != before
    assert len(service.asked) > asked + 2
    assert [one.name for one in first.rglob("chroma-ollama-*")] == [after]
