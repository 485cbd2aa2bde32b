"""Search from end to end: a real server, the SDK's client, thousands of files, and what goes wrong.

Each test is what an agent asks while people, git and other processes change the folder.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from support.clients import connected
from support.clients_of_ours import client_of
from support.git_server import git
from support.notebooks import code, write_notebook
from support.search_trees import library, small_project
from support.server import JupyterServer

STUDIES = 1800
QUIET = {"JupyterMCP": {"rate_limits": {}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server with live documents over the standard library, notebooks and a repository."""
    home = tmp_path_factory.mktemp("searched")
    root = home / "root"
    root.mkdir()
    small_project(root)
    library(root / "library", notebooks=STUDIES)
    repository(root / "repo")
    with JupyterServer(home, config=QUIET) as running:
        yield running


def repository(folder: Path) -> None:
    """Make a repository with two branches that differ in a function."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    write(folder / "work.py", "walrus_of_main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "checkout", "-q", "-b", "other")
    write(folder / "work.py", "penguin_of_other")
    git(folder, "commit", "-q", "-am", "second")
    git(folder, "checkout", "-q", "main")


def write(file: Path, name: str) -> None:
    file.write_text(f'def {name}(value):\n    """What only this one does."""\n    return value\n')


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    structured: dict[str, Any] = result.structured_content or {}
    return structured


async def paths(client: Client, words: str, **options: Any) -> list[str]:
    """Return the files in which all of a word is found."""
    found = await ask(client, "search", query=words, mode="literal", **options)
    return [hit["path"] for hit in found["hits"]]


async def until(
    client: Client, words: str, wanted: Callable[[list[str]], bool], seconds: float = 30
) -> float:
    """Search until the files are those that are wanted; return the seconds that took."""
    began = time.monotonic()
    while not wanted(found := await paths(client, words)):
        assert time.monotonic() - began < seconds, found
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def whole(client: Client, seconds: float = 120) -> dict[str, Any]:
    """Wait until everything is in the index and return its status."""
    async with asyncio.timeout(seconds):
        await ask(client, "index_update", wait=True)
    return await ask(client, "index_status")


async def test_it_answers_at_once_and_says_how_far_it_is(server: JupyterServer) -> None:
    async with connected(server) as client:
        began = time.monotonic()
        first = await ask(client, "search", query="parse a JSON document")
        assert time.monotonic() - began < 20
        assert "files so far" in " ".join(first["notes"]) or "Looking" in " ".join(first["notes"])
        await until(client, "def loads", lambda found: "library/json/__init__.py" in found, 60)
        status = await whole(client)
        assert status["files"] > STUDIES + 200
        assert (status["pending"], status["errors"]) == (0, 0)
        [best, *_] = (await ask(client, "search", query="decode a JSON document"))["hits"]
        assert best["path"].startswith("library/json/")


async def test_an_answer_is_short_and_each_hit_can_be_read(server: JupyterServer) -> None:
    async with connected(server) as client:
        result = await client.call_tool("search", {"query": "send an email with an attachment"})
        told = sum(len(block.model_dump_json()) for block in result.content if block.type == "text")
        assert told <= 4096
        link = next(block for block in result.content if block.type == "resource_link")
        [piece] = (await client.read_resource(str(link.uri))).contents
        assert result.structured_content is not None
        assert result.structured_content["hits"][0]["symbol"].split(".")[-1][:4] in piece.text
        prompt = await client.get_prompt(
            "answer_from_project", {"question": "How is the content of an email encoded?"}
        )
        assert "library/email" in str(prompt.messages[0].content)


async def test_a_changed_file_is_found_and_what_was_there_is_not(server: JupyterServer) -> None:
    async with connected(server) as client:
        await whole(client)
        file = server.root / "src/changing.py"
        write(file, "zebra_function")
        await until(client, "zebra_function", ["src/changing.py"].__eq__)
        write(file, "gnu_function")
        await until(client, "gnu_function", ["src/changing.py"].__eq__)
        assert await paths(client, "zebra_function") == []
        file.rename(server.root / "src/renamed.py")
        await until(client, "gnu_function", ["src/renamed.py"].__eq__)
        (server.root / "src/renamed.py").unlink()
        assert await paths(client, "gnu_function") == []


async def test_a_line_is_right_also_right_after_a_change(server: JupyterServer) -> None:
    async with connected(server) as client:
        await whole(client)
        file = server.root / "src/counts.py"
        before = file.read_text()
        for number in range(5):
            file.write_text("# a new line\n" * number + before)
            hits = (await ask(client, "search", query="totals * depth", mode="literal"))["hits"]
            for hit in hits:
                line = (server.root / hit["path"]).read_text().split("\n")[hit["line"] - 1]
                assert "totals * depth" in line
        file.write_text(before)


async def test_another_branch_is_another_answer(server: JupyterServer) -> None:
    async with connected(server) as client:
        await whole(client)
        assert await paths(client, "walrus_of_main") == ["repo/work.py"]
        git(server.root / "repo", "checkout", "-q", "other")
        await until(client, "penguin_of_other", ["repo/work.py"].__eq__)
        assert await paths(client, "walrus_of_main") == []
        git(server.root / "repo", "checkout", "-q", "main")
        await until(client, "walrus_of_main", ["repo/work.py"].__eq__)


async def test_what_git_ignores_leaves(server: JupyterServer) -> None:
    async with connected(server) as client:
        folder = server.root / "drafts"
        folder.mkdir()
        write(folder / "draft.py", "okapi_function")
        await until(client, "okapi_function", ["drafts/draft.py"].__eq__)
        ignore = server.root / ".gitignore"
        before = ignore.read_text()
        ignore.write_text(before + "drafts/\n")
        await until(client, "okapi_function", [].__eq__)
        ignore.write_text(before)
        await until(client, "okapi_function", ["drafts/draft.py"].__eq__)


async def test_an_edit_of_a_live_notebook_is_found_at_once(server: JupyterServer) -> None:
    async with connected(server) as client:
        await whole(client)
        write_notebook(server.root / "live.ipynb", code("first = 1", "first"))
        made = await ask(client, "cell_insert", path="live.ipynb", source="tapir_value = first + 1")
        began = time.monotonic()
        found = await ask(client, "search", query="tapir_value", mode="literal", scope="notebooks")
        while not found["hits"]:
            assert time.monotonic() - began < 30
            found = await ask(client, "search", query="tapir_value", mode="literal")
        [hit] = found["hits"]
        assert (hit["path"], hit["cell_id"]) == ("live.ipynb", made["cell_id"])
        await ask(
            client, "cell_edit", path="live.ipynb", cell_id=made["cell_id"], source="ibis = 2"
        )
        await until(client, "ibis = 2", ["live.ipynb"].__eq__)
        assert await paths(client, "tapir_value") == []


async def test_a_token_for_a_folder_finds_only_what_is_in_it(server: JupyterServer) -> None:
    narrow = client_of(server, "read", notebooks=["src/*"])
    async with connected(server, headers=narrow.headers) as client:
        for words in ("def ", "launch_code", "import"):
            assert {path.split("/")[0] for path in await paths(client, words)} <= {"src"}
        found = await ask(client, "search", query="normalise the counts")
        assert found["hits"][0]["path"] == "src/counts.py"
        status = await ask(client, "index_status")
        assert status["files"] < 10
        result = await client.call_tool("search_similar", {"path": "private/codes.py"})
        assert result.is_error


async def test_a_killed_server_leaves_an_index_that_goes_on(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    library(tmp_path / "root/library", notebooks=200)
    first = JupyterServer(tmp_path, collaboration=False, config=QUIET)
    first.start()
    try:
        async with connected(first) as client:
            async with asyncio.timeout(60):
                while (await ask(client, "index_status"))["files"] < 50:
                    await ask(client, "search", query="parse")
            first.kill()
    except BaseExceptionGroup:  # the connection is gone with the server
        pass
    finally:
        first.kill()
    with JupyterServer(tmp_path, collaboration=False, config=QUIET) as second:
        async with connected(second) as client:
            assert (await ask(client, "index_status"))["files"] >= 50
            status = await whole(client)
            assert (status["pending"], status["errors"]) == (0, 0)
            [best, *_] = (await ask(client, "search", query="decode a JSON document"))["hits"]
            assert best["path"].startswith("library/json/")


async def test_a_second_server_says_who_keeps_the_index_and_searches_it(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    small_project(tmp_path / "root")
    with (
        JupyterServer(tmp_path, collaboration=False, config=QUIET) as first,
        JupyterServer(tmp_path, collaboration=False, config=QUIET) as second,
    ):
        async with connected(first) as client:
            await whole(client)
        async with connected(second) as client:
            found = await ask(client, "search", query="normalise the counts")
            assert found["hits"][0]["path"] == "src/counts.py"
            assert str(first.pid) in " ".join(found["notes"])
            refused = await client.call_tool("index_update", {"wait": True})
            assert refused.is_error
            assert str(first.pid) in str(refused.structured_content)


async def test_without_the_extra_words_are_found_and_the_answer_says_so(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    small_project(tmp_path / "root")
    with JupyterServer(
        tmp_path, collaboration=False, config=QUIET, env=without(tmp_path, "chromadb")
    ) as server:
        async with connected(server) as client:
            await whole(client)
            found = await ask(client, "search", query="normalise the counts")
            assert found["hits"][0]["path"] == "src/counts.py"
            assert "jupyter-mcp-workbench[search]" in " ".join(found["notes"])
            refused = await client.call_tool("search", {"query": "counts", "mode": "dense"})
            assert refused.is_error


def without(home: Path, package: str) -> dict[str, str | None]:
    """Return an environment in which a package cannot be imported."""
    folder = home / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "def found(name, path=None, target=None):\n"
        f"    is_hidden = name.partition('.')[0] == {package!r}\n"
        "    return None if is_hidden else find(name, path, target)\n"
        "PathFinder.find_spec = staticmethod(found)\n"
    )
    return {"PYTHONPATH": str(folder)}
