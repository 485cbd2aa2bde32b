"""The file tools in the Jupyter root and in a sandbox, as a client meets them."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

import pytest
from PIL import Image as Pictures

from jupyter_mcp.calls import Image
from support.file_benches import Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

BINARY = bytes(range(256))


async def test_a_file_is_written_read_edited_moved_and_deleted(bench: Bench) -> None:
    made = await bench.do("file_write", path="src/app.py", content="a = 1\nb = 2\n")
    assert made["path"] == "src/app.py"
    assert made["revision"] == hashlib.sha256(b"a = 1\nb = 2\n").hexdigest()
    read = await bench.do("file_read", path="src/app.py")
    assert read["content"] == "a = 1\nb = 2\n"
    assert read["revision"] == made["revision"]
    assert read["size"] == 12
    assert read.get("next_offset") is None
    edits = [{"old": "a = 1", "new": "a = 3"}, {"old": "b = 2", "new": "b = a"}]
    edited = await bench.do("file_edit", path="src/app.py", edits=edits)
    assert "-a = 1\n-b = 2\n+a = 3\n+b = a\n" in edited["diff"]
    assert await bench.text("src/app.py") == "a = 3\nb = a\n"
    await bench.do("file_move", path="src/app.py", new_path="lib/core.py")
    assert await bench.names(recursive=True) == ["lib", "lib/core.py", "src"]
    await bench.do("file_delete", path="lib/core.py")
    await bench.do("file_delete", path="src")
    assert (await bench.refused("file_read", path="lib/core.py")).code == "not_found"
    assert await bench.names(recursive=True) == ["lib"]


async def test_binary_is_written_and_read_by_base64_only(bench: Bench) -> None:
    content = base64.b64encode(BINARY).decode()
    await bench.do("file_write", path="b.bin", content=content, encoding="base64")
    error = await bench.refused("file_read", path="b.bin")
    assert "base64" in error.remedy
    read = await bench.do("file_read", path="b.bin", encoding="base64")
    assert base64.b64decode(read["content"]) == BINARY
    piece = await bench.do("file_read", path="b.bin", encoding="base64", offset=250, limit=100)
    assert base64.b64decode(piece["content"]) == BINARY[250:]
    error = await bench.refused("file_write", path="c.bin", content="???", encoding="base64")
    assert error.code == "invalid_arguments"
    assert await bench.names() == ["b.bin"]


async def test_a_text_is_read_by_pages_of_whole_characters(bench: Bench) -> None:
    text = "naïve 漢字 €\n" * 40
    await bench.do("file_write", path="t.txt", content=text)
    offset, parts = 0, []
    while offset is not None:
        page = await bench.do("file_read", path="t.txt", offset=offset, limit=33)
        parts.append(page["content"])
        offset = page.get("next_offset")
    assert "".join(parts) == text
    assert len(parts) > 10
    middle = await bench.do("file_read", path="t.txt", offset=3, limit=3)  # inside of ï
    assert middle["offset"] == 4
    assert middle["content"] == "ve"


async def test_what_is_too_large_tells_the_way(bench: Bench) -> None:
    error = await bench.refused("file_write", path="big", content="x" * 1_000_001)
    assert error.code == "too_large"
    assert "file_upload" in error.remedy
    error = await bench.refused("file_read", path="big", limit=2_000_000)
    assert error.code == "too_large"
    assert await bench.names() == []


async def test_a_revision_guards_against_somebody_elses_change(bench: Bench) -> None:
    first = (await bench.do("file_write", path="f.txt", content="one"))["revision"]
    await bench.do("file_write", path="f.txt", content="two")
    for tool, more in (
        ("file_write", {"content": "three"}),
        ("file_edit", {"edits": [{"old": "two", "new": "x"}]}),
    ):
        error = await bench.refused(tool, path="f.txt", revision=first, **more)
        assert error.code == "conflict"
    assert await bench.text("f.txt") == "two"
    now = (await bench.do("file_read", path="f.txt"))["revision"]
    await bench.do("file_write", path="f.txt", content="three", revision=now)
    error = await bench.refused("file_write", path="f.txt", content="four", overwrite=False)
    assert error.code == "conflict"
    assert await bench.text("f.txt") == "three"
    assert await bench.names() == ["f.txt"]


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ([{"old": "a", "new": "b"}, {"old": "none", "new": "x"}], "not in"),
        ([{"old": "x", "new": "y"}], "2 times"),
        ([{"old": "", "new": "y"}], "empty"),
        ([{"old": "a", "new": "a"}], "same"),
    ],
)
async def test_edits_are_made_all_or_none(bench: Bench, edits: Any, told: str) -> None:
    await bench.do("file_write", path="f.txt", content="a x x")
    error = await bench.refused("file_edit", path="f.txt", edits=edits)
    assert told in error.message
    assert await bench.text("f.txt") == "a x x"
    await bench.do("file_edit", path="f.txt", edits=[{"old": "x", "new": "y", "replace_all": True}])
    assert await bench.text("f.txt") == "a y y"


async def test_line_ends_are_kept_and_hinted_at(bench: Bench) -> None:
    await bench.do("file_write", path="w.txt", content="a\r\nb\r\n")
    error = await bench.refused("file_edit", path="w.txt", edits=[{"old": "a\nb", "new": "c"}])
    assert r"\r\n" in error.remedy
    await bench.do("file_edit", path="w.txt", edits=[{"old": "a", "new": "A"}])
    assert await bench.text("w.txt") == "A\r\nb\r\n"


@pytest.mark.parametrize("path", ["../out.txt", "a/../../out.txt", "x\0y", "/etc/passwd/../../.."])
async def test_paths_do_not_lead_out(bench: Bench, path: str) -> None:
    error = await bench.refused("file_write", path=path, content="x")
    assert error.code in {"invalid_arguments", "forbidden"}
    error = await bench.refused("file_read", path=path)
    assert error.code in {"invalid_arguments", "forbidden"}
    assert not (bench.root.parent / "out.txt").exists()


async def test_wrong_kinds_and_names_that_are_taken(bench: Bench) -> None:
    await bench.do("file_write", path="d/a.txt", content="a")
    await bench.do("file_write", path="b.txt", content="b")
    assert (await bench.refused("file_read", path="d")).code == "invalid_arguments"
    assert (await bench.refused("file_write", path="d", content="x")).code == "invalid_arguments"
    assert (await bench.refused("file_list", path="b.txt")).code == "invalid_arguments"
    assert (await bench.refused("file_list", path="none")).code == "not_found"
    assert (await bench.refused("file_delete", path="d")).code == "conflict"
    assert (await bench.refused("file_delete", path="")).remedy
    error = await bench.refused("file_move", path="b.txt", new_path="d/a.txt")
    assert error.code == "conflict"
    await bench.do("file_move", path="b.txt", new_path="d/a.txt", overwrite=True)
    assert await bench.text("d/a.txt") == "b"
    await bench.do("file_delete", path="d", recursive=True)
    assert await bench.names() == []


async def test_files_are_found_by_text_by_expression_and_by_name(bench: Bench) -> None:
    await bench.do("file_write", path="src/a.py", content="import os\n# TODO one\n")
    await bench.do("file_write", path="src/deep/b.py", content="todo = 2\n")
    await bench.do("file_write", path="c.txt", content="TODO three\n")
    content = base64.b64encode(b"TODO\0").decode()
    await bench.do("file_write", path="d.bin", content=content, encoding="base64")

    async def found(**wanted: Any) -> list[tuple[str, int]]:
        answer = await bench.do("file_search", **wanted)
        return sorted((each["path"], each["line"]) for each in answer["matches"])

    assert await found(pattern="TODO") == [("c.txt", 1), ("src/a.py", 2)]
    assert await found(pattern="TODO", glob="*.py") == [("src/a.py", 2)]
    assert await found(pattern="todo", ignore_case=True, path="src") == [
        ("src/a.py", 2),
        ("src/deep/b.py", 1),
    ]
    assert await found(pattern=r"^import \w+$", regex=True) == [("src/a.py", 1)]
    assert await found(glob="src/**/*.py") == [("src/a.py", 0), ("src/deep/b.py", 0)]
    assert await found(pattern="t.do") == []
    few = await bench.do("file_search", pattern="o", limit=1)
    assert len(few["matches"]) == 1
    assert few["more"]
    error = await bench.refused("file_search", pattern="(", regex=True)
    assert error.code == "invalid_arguments"
    assert (await bench.refused("file_search")).code == "invalid_arguments"


async def test_lists_are_paged(bench: Bench) -> None:
    for number in range(205):
        await bench.do("file_write", path=f"n{number:03}.txt", content="")
    first = await bench.do("file_list")
    assert len(first["entries"]) == 200
    rest = await bench.do("file_list", cursor=first["next_cursor"])
    assert [each["path"] for each in rest["entries"]][-1] == "n204.txt"
    assert await bench.names(glob="n00[0-1]*") == ["n000.txt", "n001.txt"]
    assert (await bench.refused("file_list", cursor="x")).code == "invalid_arguments"


async def test_a_picture_is_shown_and_scaled(bench: Bench) -> None:
    out = io.BytesIO()
    Pictures.new("RGB", (3000, 30), "red").save(out, "PNG")
    content = base64.b64encode(out.getvalue()).decode()
    await bench.do("file_write", path="p.png", content=content, encoding="base64")
    result = await bench.ask("file_read", path="p.png")
    shown = next(block for block in result.content if isinstance(block, Image))
    assert Pictures.open(io.BytesIO(shown.data)).size == (1024, 10)
    assert result.structured is not None
    assert "content" not in result.structured or result.structured["content"] is None
    raw = await bench.do("file_read", path="p.png", encoding="base64")
    assert raw["content"] == content


async def test_what_a_sandbox_holds_is_a_strangers(root: Bench, box: Bench) -> None:
    for bench, expected in ((root, False), (box, True)):
        await bench.do("file_write", path="f.txt", content="x")
        result = await bench.ask("file_read", path="f.txt")
        assert bool(result.meta.get("jupyter-mcp/untrusted")) is expected
