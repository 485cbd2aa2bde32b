"""The tools of search, as a client meets them, on a small project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import pytest_asyncio

from support.file_benches import Bench, narrow
from support.runtimes import PERSON
from support.search_trees import break_notebook, small_project
from support.workshops import links, texts, workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SRC = narrow("src/*")
PIECE = "search://{place}/{+path}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """A server over the small project and another folder, indexed to the end."""
    home = tmp_path_factory.mktemp("search")
    library = home / "library"
    library.mkdir()
    (library / "mail.py").write_text("def send_letter(to):\n    return deliver(to)\n")
    folders = (("library", str(library)),)
    async with workshop(home, search_folders=folders, search_processes=1) as shop:
        small_project(shop.root)
        bench = Bench(shop)
        await bench.do("index_update", wait=True)
        yield bench


async def hits(bench: Bench, query: str, *who: Any, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await bench.do("search", *who, query=query, **options))["hits"]
    return found


async def paths(bench: Bench, query: str, *who: Any, **options: Any) -> list[str]:
    return [each["path"] for each in await hits(bench, query, *who, **options)]


async def read(bench: Bench, uri: str, who: Any = PERSON) -> Any:
    """Read what a hit links to."""
    place, _, path = unquote(uri).removeprefix("search://").partition("/")
    runtime = bench.shop.runtime
    view = runtime.catalog.view(PERSON, runtime.catalog.selection("all"))
    given = {"place": place, "path": path}
    return await runtime.call(view.resources[PIECE], given, who, "test")


async def test_a_question_finds_the_function_and_cites_its_lines(bench: Bench) -> None:
    [best, *_] = await hits(bench, "where do I normalise the counts")
    assert (best["path"], best["line"]) == ("src/counts.py", 4)
    assert "normalise_counts" in best["symbol"]
    assert "normalise_counts" in best["snippet"]
    assert best["parts"]


async def test_a_cell_is_cited_by_its_id(bench: Bench) -> None:
    for scope in ("code", "notebooks"):
        [best, *_] = await hits(bench, "remove batch effect", scope=scope)
        assert (best["path"], best["cell_id"]) == ("notebooks/analysis.ipynb", "correct")
    result = await bench.ask("search", query="remove batch effect in:notebooks")
    assert "notebooks/analysis.ipynb#correct" in texts(result)


async def test_filters_narrow_it(bench: Bench) -> None:
    assert set(await paths(bench, "table data", language="r")) == {"page.R"}
    assert set(await paths(bench, "table data lang:R")) == {"page.R"}
    assert set(await paths(bench, "weights counts", path="src")) <= {
        "src/counts.py",
        "src/model.py",
    }
    assert set(await paths(bench, "results path:docs/*.md")) == {"docs/guide.md"}
    assert set(await paths(bench, "counts in:notebooks")) <= {"notebooks/analysis.ipynb"}
    assert await paths(bench, "letter", path="library:") == ["library:mail.py"]


async def test_patterns_find_lines(bench: Bench) -> None:
    [found] = await hits(bench, r"def \w+_heatmap", mode="regex")
    assert (found["path"], found["line"]) == ("src/counts.py", 10)
    [found] = await hits(bench, "totals * depth", mode="literal")
    assert (found["path"], found["line"]) == ("src/counts.py", 7)
    error = await bench.refused("search", query="(", mode="regex")
    assert error.code == "invalid_arguments"


async def test_hits_of_another_folder_have_its_name_in_front(bench: Bench) -> None:
    [best, *_] = await hits(bench, "send_letter")
    assert best["path"] == "library:mail.py"
    assert (await read(bench, best["uri"])).value.startswith("def send_letter")
    similar = await bench.do("search_similar", path="library:mail.py", line=1)
    assert all(each["path"].startswith("library:") for each in similar["hits"])


async def test_what_is_hidden_ignored_or_private_is_not_found(bench: Bench) -> None:
    for words in ("hidden_function", "ignored_function", "secret_key do not tell"):
        found = await hits(bench, words, mode="lexical")
        assert not any(word in each["snippet"] for each in found for word in words.split())


async def test_pages_show_each_hit_once(bench: Bench) -> None:
    whole = await hits(bench, "the data of a function", limit=6)
    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = await bench.do("search", query="the data of a function", limit=2, **cursor)
        seen += page["hits"]
        if "next_cursor" not in page:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [each["uri"] for each in seen] == [each["uri"] for each in whole]
    assert (await bench.refused("search", query="x", cursor="-1")).code == "invalid_arguments"
    assert (await bench.refused("search", query="x", cursor="499")).code == "invalid_arguments"


async def test_each_hit_links_to_its_text(bench: Bench) -> None:
    result = await bench.ask("search", query="normalise counts")
    [first, *_] = links(result)
    piece = await read(bench, first.uri)
    assert piece.value.startswith("def normalise_counts")
    cell = await read(bench, "search://correct/notebooks/analysis.ipynb")
    assert cell.value == "corrected = remove_batch_effect(table, by='day')"
    assert (await read(bench, "search://1-2/src/nothing.py")).error.code == "not_found"
    assert (await read(bench, "search://1-2/../../etc/passwd")).error.code == "not_found"


async def test_similar_code_is_found_by_a_line_or_a_cell(bench: Bench) -> None:
    found = await bench.do("search_similar", path="src/counts.py", line=5)
    assert "src/counts.py:4" not in [f"{each['path']}:{each['line']}" for each in found["hits"]]
    assert found["hits"]
    await bench.do("search_similar", path="notebooks/analysis.ipynb", cell_id="correct")
    error = await bench.refused("search_similar", path="src/nothing.py", line=1)
    assert error.code == "not_found"


async def test_a_narrow_token_finds_and_counts_only_its_own(bench: Bench) -> None:
    for query in ("the code that nobody may see", "launch_code", "send_letter", "function"):
        found = await paths(bench, query, SRC)
        assert set(found) <= {"src/counts.py", "src/model.py"}, query
    assert await paths(bench, "launch_code", SRC, mode="literal") == []
    assert await paths(bench, "normalise counts", SRC) != []
    status = await bench.do("index_status", SRC)
    assert (status["files"], status["chunks"] > 0) == (2, True)
    assert [each["name"] for each in (await bench.do("index_sources", SRC))["sources"]] == ["root"]
    assert (await bench.refused("search_similar", SRC, path="private/codes.py")).code == "forbidden"
    assert (await read(bench, "search://1-3/private/codes.py", SRC)).error.code == "forbidden"
    assert (await bench.refused("index_update", SRC)).code == "forbidden"
    assert (await bench.refused("index_drop", SRC)).code == "forbidden"
    await bench.do("index_update", SRC, path="src/model.py", wait=True)


async def test_the_status_tells_what_is_wrong(bench: Bench) -> None:
    broken = bench.root / "broken.ipynb"
    break_notebook(broken)
    await bench.do("index_update", path="broken.ipynb", wait=True)
    status = await bench.do("index_status")
    assert [each["path"] for each in status["problems"]] == ["broken.ipynb"]
    assert status["errors"] == 1
    narrow_status = await bench.do("index_status", SRC)
    assert (narrow_status["problems"], narrow_status["errors"]) == ([], 0)
    broken.unlink()
    await bench.do("index_update", wait=True)
    assert (await bench.do("index_status"))["errors"] == 0


async def test_the_sources_are_told(bench: Bench) -> None:
    told = (await bench.do("index_sources"))["sources"]
    assert [(each["name"], each["prefix"]) for each in told] == [
        ("root", ""),
        ("library", "library:"),
    ]
    error = await bench.refused("index_drop", source="nothing")
    assert "library" in error.remedy


async def test_variables_of_a_kernel_are_found(bench: Bench) -> None:
    error = await bench.refused("search", query="frame in:vars")
    assert error.code == "not_found"
    first = (await bench.do("kernel_start"))["kernel_id"]
    await bench.do("kernel_execute", kernel_id=first, code="gene_counts = {'a': 1}; other = 3")
    [best, *_] = await hits(bench, "counts of genes", scope="vars")
    assert (best["symbol"], best["snippet"]) == ("gene_counts", "dict 1 items")
    second = (await bench.do("kernel_start"))["kernel_id"]
    error = await bench.refused("search", query="counts", scope="vars")
    assert first in error.remedy
    assert second in error.remedy
    [best, *_] = await hits(bench, "counts", scope="vars", kernel_id=first)
    assert best["symbol"] == "gene_counts"
    everything = await bench.do("search", query="counts", scope="all", kernel_id=first)
    kinds = {each["kind"] for each in everything["hits"]}
    assert {"variable", "code"} <= kinds
    for kernel_id in (first, second):
        await bench.do("kernel_stop", kernel_id=kernel_id)


async def test_a_prompt_brings_hits_and_asks_for_citations(bench: Bench) -> None:
    runtime = bench.shop.runtime
    view = runtime.catalog.view(PERSON, runtime.catalog.selection("all"))
    asked = {"question": "How are counts normalised?"}
    prompt = view.prompts["answer_from_project"]
    result = await runtime.call(prompt, asked, PERSON, "test")
    assert "src/counts.py:4-" in result.value[0].text
    assert "path:line" in result.value[0].text


async def test_a_change_is_found_and_what_is_gone_is_not(bench: Bench) -> None:
    file = bench.root / "src/fresh.py"
    file.write_text("def brand_new_thing():\n    return 1\n")
    async with asyncio.timeout(10):
        while "src/fresh.py" not in await paths(bench, "brand_new_thing"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    file.unlink()
    assert "src/fresh.py" not in await paths(bench, "brand_new_thing")


async def test_a_dropped_index_is_built_anew_by_the_next_search(tmp_path: Path) -> None:
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        bench = Bench(shop)
        assert await paths(bench, "normalise counts") != []
        assert (await bench.do("index_drop"))["dropped"] == ["root"]
        assert (await bench.do("index_status"))["files"] == 0
        assert await paths(bench, "normalise counts") != []


async def test_without_any_folder_it_says_what_to_do(shopless: Bench) -> None:
    error = await shopless.refused("search", query="x")
    assert error.code == "unavailable"
    assert (await shopless.do("index_status"))["files"] == 0


@pytest_asyncio.fixture(loop_scope="module")
async def shopless(tmp_path: Path) -> AsyncIterator[Bench]:
    """A server whose notebooks lie elsewhere than in files."""
    async with workshop(tmp_path) as shop:
        toolset: Any = next(t for t in shop.runtime.catalog.toolsets if t.name == "search")
        toolset.search_service._keepers.clear()
        yield Bench(shop)


async def test_nothing_is_begun_before_somebody_searches(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop:
        assert not [name for name in shop.runtime.tasks.names if "index" in name]
        status = await Bench(shop).do("index_status")
        assert status["files"] == 0
        assert not [name for name in shop.runtime.tasks.names if "index" in name]


async def test_documentation_of_packages_is_found(tmp_path: Path) -> None:
    site = tmp_path / "site"
    package(site, "lettering", '"""Writes letters."""\n\n\ndef address(to):\n    "Name it."\n')
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        bench = Bench(shop)
        toolset: Any = next(t for t in shop.runtime.catalog.toolsets if t.name == "search")
        toolset.package_docs._paths = [str(site)]
        async with asyncio.timeout(30):
            while not await hits(bench, "writes letters", scope="docs"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        [best, *_] = await hits(bench, "writes letters in:docs")
        assert (best["kind"], best["symbol"]) == ("docs", "lettering")
        assert best["path"].endswith("lettering/__init__.py")
        assert (await bench.refused("search", SRC, query="x in:docs")).code == "forbidden"
        mixed = await bench.do("search", query="counts letters in:all")
        assert {"code", "docs"} <= {each["kind"] for each in mixed["hits"]}
        assert "kernel" in " ".join(mixed["notes"])


def package(folder: Path, name: str, source: str) -> None:
    """Install a package of one module."""
    files = {f"{name}/__init__.py": source, f"{name}-1.0.dist-info/METADATA": f"Name: {name}\n"}
    files[f"{name}-1.0.dist-info/RECORD"] = "".join(f"{file},,\n" for file in files)
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
