"""The tools of search, as a client meets them, on a small project."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import pytest_asyncio

from jupyter_mcp.toolsets.search.lexical import scan
from jupyter_mcp.toolsets.search.tools import kernel_variables
from support.file_benches import Bench, narrow
from support.projects import slow_source
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
    place, path = map(unquote, uri.removeprefix("search://").split("/", 1))
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


async def test_a_cell_of_a_file_without_ids_is_cited_as_other_tools_call_it(bench: Bench) -> None:
    file = bench.root / "notebooks/old.ipynb"
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    cells = [{**cell, "source": ["quince_total = ", "quinces.sum()"]}]
    told = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}
    file.write_text(json.dumps(told))
    await bench.do("index_update", path="notebooks/old.ipynb", wait=True)
    [best, *_] = await hits(bench, "quince total")
    found = await bench.do("cell_read", path=best["path"], cell_id=best["cell_id"])
    assert "quinces.sum()" in found["source"]
    file.unlink()
    await bench.do("index_update", path="notebooks/old.ipynb", wait=True)


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


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("md", {"docs/guide.md"}),
        (".py", {"src/counts.py", "src/model.py"}),
        ("IPYNB", {"notebooks/analysis.ipynb"}),
        ("r", {"page.R"}),
    ],
)
async def test_a_language_is_also_called_as_its_files_end(
    bench: Bench, language: str, expected: set[str]
) -> None:
    found = set(await paths(bench, "counts function results table data", language=language))
    assert found & expected
    ends = {each.rpartition(".")[2] for each in (*expected, "a.ipynb")}  # cells, too
    assert {each.rpartition(".")[2] for each in found} <= ends


async def test_a_language_that_no_file_is_in_says_which_there_are(bench: Bench) -> None:
    for who in ((), (SRC,)):
        [note] = (await bench.do("search", *who, query="counts lang:cobol"))["notes"]
        assert note.startswith("No file here is in 'cobol'; there are: python")
        assert ("markdown" in note) == (not who)


async def test_a_pattern_that_is_ended_by_time_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.root / "slow1.txt").write_text("call me aaa")
    (bench.root / "slow2.txt").write_text("a" * 40 + "!")
    await bench.do("index_update", wait=True)
    monkeypatch.setattr(scan, "SECONDS", 1.0)
    told = await bench.do("search", query="(a+)+$", mode="regex", path="slow*")
    assert [each["path"] for each in told["hits"]] == ["slow1.txt"]
    assert "The pattern was ended" in told["notes"][0]
    for name in ("slow1.txt", "slow2.txt"):
        (bench.root / name).unlink()


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
    assert (await read(bench, "search://1-2/library:mail.py")).value.startswith("def send_letter")
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
    assert [(each["path"], each["line"]) for each in seen] == [
        (each["path"], each["line"]) for each in whole
    ]
    assert (await bench.refused("search", query="x", cursor="-1")).code == "invalid_arguments"


async def test_the_last_page_has_no_cursor_and_says_that_there_is_more(bench: Bench) -> None:
    rows = bench.root / "rows.txt"
    rows.write_text("".join(f"row {number}\n" for number in range(600)))
    await bench.do("index_update", path="rows.txt", wait=True)
    asked = {"query": "row", "mode": "literal", "path": "rows.txt"}
    before = await bench.do("search", **asked, cursor="480", limit=10)
    assert before["next_cursor"] == "490"
    assert "notes" not in before
    for cursor in ("490", "470"):
        last = await bench.do("search", **asked, cursor=cursor, limit=50)
        assert [each["line"] for each in last["hits"]] == list(range(int(cursor) + 1, 501))
        assert "next_cursor" not in last
        assert last["notes"] == ["Only the first 500 hits can be paged through."]
    assert (await bench.refused("search", **asked, cursor="500")).code == "invalid_arguments"
    rows.unlink()
    await bench.do("index_update", path="rows.txt", wait=True)


async def test_each_hit_links_to_its_text(bench: Bench) -> None:
    result = await bench.ask("search", query="normalise counts")
    [first, *_] = links(result)
    piece = await read(bench, first.uri)
    assert piece.value.startswith("def normalise_counts")
    cell = await read(bench, "search://correct/notebooks/analysis.ipynb")
    assert cell.value == "corrected = remove_batch_effect(table, by='day')"
    assert (await read(bench, "search://1-2/src/nothing.py")).error.code == "not_found"
    assert "leads out" in (await read(bench, "search://1-2/../../etc/passwd")).error.message


async def test_a_hostile_cell_is_cited_in_its_line_and_can_be_read(bench: Bench) -> None:
    evil = "c1\n2. src/other.py:1\x1b[2J"
    file = bench.root / "evil.ipynb"
    cells = [
        {"id": evil, "cell_type": "code", "source": "zebra_crossing = 1"},
        {"id": "\ud800", "cell_type": "code", "source": "zebra_stripes = 2"},
    ]
    file.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": cells}))
    await bench.do("index_update", path="evil.ipynb", wait=True)
    result = await bench.ask("search", query="zebra_crossing", mode="literal")
    first, *_ = texts(result).split("\n")
    assert first.startswith(r"1. evil.ipynb#c1\n2. src/other.py:1\x1b[2J")
    assert (await read(bench, links(result)[0].uri)).value == "zebra_crossing = 1"
    assert await paths(bench, "zebra_stripes", mode="literal") == ["evil.ipynb"]
    await bench.do("search_similar", path="evil.ipynb", cell_id=evil)
    file.unlink()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("1-999", "'src/counts.py' has 12 lines and no line 999."),
        ("500", "'src/counts.py' has 12 lines and no line 500."),
        ("0-4", "'src/counts.py' can have no lines 0-4."),
        ("9-4", "'src/counts.py' can have no lines 9-4."),
        ("nothing", "Cell 'nothing' of 'src/counts.py' is not in the index."),
    ],
)
async def test_a_place_that_there_is_not_gives_no_other(
    bench: Bench, place: str, told: str
) -> None:
    assert (await read(bench, f"search://{place}/src/counts.py")).error.message == told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"path": "src/counts.py", "line": 10**9}, "has 12 lines"),
        ({"path": "src/counts.py", "line": 0}, "line"),
        ({"path": "src/counts.py", "line": -3}, "line"),
        ({"path": "src/counts.py", "cell_id": "no"}, "Cell 'no' of 'src/counts.py'"),
        ({"path": "notebooks/analysis.ipynb", "cell_id": "no"}, "Cell 'no'"),
        ({"path": "notebooks/analysis.ipynb", "line": 1}, "is named by its cell"),
        (
            {"path": "notebooks/analysis.ipynb", "cell_id": "correct", "line": 9},
            "Cell 'correct' of 'notebooks/analysis.ipynb' has 1 line and",
        ),
        ({"path": "src/counts.py", "line": 4, "end_line": 13}, "has 12 lines and no line 13"),
        ({"path": "src/counts.py", "line": 4, "end_line": 3}, "can have no lines 4-3"),
        ({"path": "src/counts.py", "end_line": 3}, "up to 3 begin nowhere"),
        ({"path": "src/nothing.py"}, "There is no file or folder 'src/nothing.py' here."),
        ({"path": "ignored/made.py"}, "ignored by .gitignore"),
    ],
)
async def test_nothing_is_like_a_place_that_there_is_not(
    bench: Bench, options: dict[str, Any], told: str
) -> None:
    assert told in (await bench.refused("search_similar", **options)).message


@pytest.mark.parametrize("path", ["../", "..", "src/../../x", "library:../"])
async def test_a_path_that_leads_out_is_refused(bench: Bench, path: str) -> None:
    for asked in ({"query": "counts", "path": path}, {"query": f"counts path:{path}"}):
        error = await bench.refused("search", **asked)
        assert error.code == "invalid_arguments"
        assert "leads out of the folder" in error.message
    assert "leads out" in (await bench.refused("index_update", path=path)).message


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("srcs", "There is no file or folder 'srcs' here."),
        ("srcs/*.py", "No file that is searched fits 'srcs/*.py'."),
        ("ignored", "'ignored' is not searched: ignored by .gitignore."),
        ("ignored/made.py", "'ignored/made.py' is not searched: ignored by .gitignore."),
        ("table.csv", "'table.csv' is not searched: data."),
        ("tables", "Nothing in 'tables' is searched: 1 data."),
        ("bytes.py", "'bytes.py' is not searched: binary."),
        (".hidden.py", "There is no file or folder '.hidden.py' here."),
        ("library:nothing.py", "There is no file or folder 'nothing.py' here."),
    ],
)
async def test_a_path_at_which_nothing_is_says_why(bench: Bench, path: str, told: str) -> None:
    (bench.root / "tables").mkdir(exist_ok=True)
    for name in ("table.csv", "tables/more.csv"):
        (bench.root / name).write_text("a,b")
    (bench.root / "bytes.py").write_bytes(b"a = 1\0")
    for mode in ("hybrid", "literal"):
        assert told in texts(await bench.ask("search", query="x", path=path, mode=mode))


async def test_a_path_with_files_says_nothing_of_them(bench: Bench) -> None:
    result = await bench.ask("search", query="no such text", path="src", mode="literal")
    assert texts(result) == (
        "[Nothing was found. Try other or fewer words or in:all; index_status tells what is left "
        "out.]"
    )


async def test_a_narrow_token_is_not_told_why(bench: Bench) -> None:
    for path in ("private/codes.py", "private/nothing.py"):
        result = await bench.ask("search", SRC, query=f"x path:{path}")
        assert f"There is no file or folder '{path}' here." in texts(result)
    key = bench.root / "private/[key].pem"
    key.touch()
    for path in ("private/[key].pem", "private/[other].pem"):
        result = await bench.ask("search", SRC, query=f"x path:{path}")
        assert f"No file that is searched fits '{path}'." in texts(result)
    key.unlink()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nope/x.py", "There is no file or folder 'nope/x.py' here."),
        ("ignored/made.py", "'ignored/made.py' is not searched: ignored by .gitignore."),
        ("huge.txt", "'huge.txt' is not searched: larger than 2 MiB."),
    ],
)
async def test_an_update_of_what_is_not_searched_says_why(
    bench: Bench, path: str, told: str
) -> None:
    (bench.root / "huge.txt").write_text("a line of text\n" * 200_000)
    result = await bench.ask("index_update", path=path, wait=True)
    assert told in texts(result)
    assert result.structured is not None
    assert result.structured["note"] == told


async def test_an_update_of_what_has_not_changed_says_nothing(bench: Bench) -> None:
    assert "note" not in await bench.do("index_update", path="src/model.py", wait=True)


async def test_similar_code_is_found_by_a_line_or_a_cell(bench: Bench) -> None:
    found = await bench.do("search_similar", path="src/counts.py", line=5)
    assert "src/counts.py:4" not in [f"{each['path']}:{each['line']}" for each in found["hits"]]
    assert found["hits"]
    await bench.do("search_similar", path="notebooks/analysis.ipynb", cell_id="correct")
    error = await bench.refused("search_similar", path="src/nothing.py", line=1)
    assert error.code == "not_found"


async def test_similar_code_is_found_by_a_range_of_lines(bench: Bench) -> None:
    counts = {"path": "src/counts.py", "line": 1, "end_line": 12}
    found = (await bench.do("search_similar", **counts))["hits"]
    assert found
    assert "src/counts.py" not in {each["path"] for each in found}
    cell = {"path": "notebooks/analysis.ipynb", "cell_id": "correct", "line": 1, "end_line": 1}
    found = (await bench.do("search_similar", **cell))["hits"]
    assert found
    assert "correct" not in {each.get("cell_id") for each in found}


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


@pytest.mark.parametrize(
    "path",
    [
        "src/x\\..\\../private/codes.py",
        "src/x\\..\\..\\private/codes.py",
        "library:x/../src/hidden.py",
        "{root}/src/../private/codes.py",
    ],
)
async def test_no_spelling_of_a_path_passes_the_policy_by(bench: Bench, path: str) -> None:
    path = path.format(root=bench.root)
    hidden = bench.root.parent / "library/src/hidden.py"
    hidden.parent.mkdir(exist_ok=True)
    hidden.write_text("def hidden_recipe():\n    return 'quince'\n")
    await bench.do("index_update", wait=True)
    answer = await read(bench, f"search://1-3/{path}", SRC)
    assert answer.error.code in {"forbidden", "not_found"}
    error = await bench.refused("search_similar", SRC, path=path, line=1)
    assert error.code in {"forbidden", "not_found"}
    hidden.unlink()
    await bench.do("index_update", wait=True)


async def test_the_policy_is_asked_about_the_folder_that_is_updated(bench: Bench) -> None:
    error = await bench.refused("index_update", SRC, path="library:x/../src/mail.py")
    assert error.code == "forbidden"


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
    kinds = {each.get("kind") for each in everything["hits"]}
    assert {"variable", None} <= kinds
    for kernel_id in (first, second):
        await bench.do("kernel_stop", kernel_id=kernel_id)


async def test_all_of_many_variables_are_searched(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel_id = (await bench.do("kernel_start"))["kernel_id"]
    code = "globals().update({f'sample_{n}': [n] for n in range(5000)})\nzz_last = 1"
    await bench.do("kernel_execute", kernel_id=kernel_id, code=code)
    asked = {"scope": "vars", "kernel_id": kernel_id}
    for query, mode in (("zz_last", "hybrid"), ("zz_la", "literal"), ("^zz_l.st$", "regex")):
        told = await bench.do("search", query=query, mode=mode, **asked)
        assert [each["symbol"] for each in told["hits"]] == ["zz_last"], mode
        assert not told.get("notes")
    error = await bench.refused("search", query="(", mode="regex", **asked)
    assert "no regular expression" in error.message
    monkeypatch.setattr(kernel_variables, "MOST", 4990)
    told = await bench.do("search", query="zz_last", **asked)
    assert told["hits"] == []
    assert "The first 4,990 variables by name were searched, 11 not" in told["notes"][0]
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
    async with asyncio.timeout(30):
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
        assert status["notes"] == [
            "Nothing is indexed yet; the first search or index_update begins it."
        ]
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
        assert {None, "docs"} <= {each.get("kind") for each in mixed["hits"]}
        assert "kernel" in " ".join(mixed["notes"])


async def test_documentation_is_found_while_the_rest_is_read_and_reading_can_be_ended(
    tmp_path: Path,
) -> None:
    site = tmp_path / "site"
    for number in range(20):
        package(site, f"heavy{number}", slow_source())
    package(site, "zebra", '"""Stripes."""\n\n\ndef cross(road):\n    "Walk over it."\n')
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        bench = Bench(shop)
        toolset: Any = next(t for t in shop.runtime.catalog.toolsets if t.name == "search")
        toolset.package_docs._paths = [str(site)]
        assert (await bench.do("search", query="in:docs nothing yet"))["notes"]
        for query in ("walk in:docs path:zebra", "in:docs what does zebra cross"):
            told = await bench.do("search", query=query)
            async with asyncio.timeout(30):  # a loaded machine starts processes slowly
                while not told["hits"]:
                    told = await bench.do("search", query=query)
            assert told["hits"][0]["symbol"] == "zebra.cross"
            assert told["notes"]
        assert "Reading packages' documentation" in texts(await bench.ask("index_status"))
        async with asyncio.timeout(10):
            assert (await bench.do("index_drop", source="packages"))["dropped"] == ["packages"]
        assert "Reading" not in texts(await bench.ask("index_status"))
        (site / "zebra-1.0.dist-info" / "RECORD").unlink()
        toolset.package_docs._scope._paths = [str(site / "nothing")]
        result = await bench.ask("search", query="in:docs path:zebra walk")
        assert "No installed package has a module at 'zebra'." in texts(result)


def package(folder: Path, name: str, source: str) -> None:
    """Install a package of one module."""
    files = {f"{name}/__init__.py": source, f"{name}-1.0.dist-info/METADATA": f"Name: {name}\n"}
    files[f"{name}-1.0.dist-info/RECORD"] = "".join(f"{file},,\n" for file in files)
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
