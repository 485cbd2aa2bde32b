"""Copies between the Jupyter root and a sandbox."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.transfer import Way, copy
from jupyter_mcp.workplace import Entry
from support.file_benches import Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_large_file_goes_there_and_back(box: Bench) -> None:
    data = os.urandom(5_000_000)  # more than any tool takes whole
    (box.root / "big.bin").write_bytes(data)
    sent = await box.do("file_upload", root_path="big.bin")
    assert (sent["path"], sent["files"], sent["bytes"]) == ("big.bin", 1, len(data))
    await box.do("file_download", sandbox_path="/workspace/big.bin", root_path="back/big.bin")
    assert (box.root / "back/big.bin").read_bytes() == data


async def test_a_folder_goes_there_and_back_without_links_and_gits_data(box: Bench) -> None:
    (box.root / "d/deep").mkdir(parents=True)
    (box.root / "d/empty").mkdir()
    (box.root / "d/a.txt").write_text("a")
    (box.root / "d/deep/ä b.txt").write_text("b")
    (box.root / "d/link").symlink_to("/etc/passwd")
    sent = await box.do("file_upload", root_path="d", sandbox_path="in/d")
    assert sent["files"] == 2
    assert sent["skipped"] == ["d/link"]
    assert await box.names("in", recursive=True) == [
        "in/d",
        "in/d/a.txt",
        "in/d/deep",
        "in/d/deep/ä b.txt",
        "in/d/empty",
    ]
    await box.do("file_write", path="in/d/.git/config", content="[core]\nfsmonitor = id\n")
    back = await box.do("file_download", sandbox_path="in/d", root_path="out")
    assert back["files"] == 2
    assert "in/d/.git/config" in back["skipped"]
    assert sorted(path.name for path in (box.root / "out").iterdir()) == ["a.txt", "deep", "empty"]


async def test_nothing_is_replaced_unasked(box: Bench) -> None:
    await box.do("file_write", path="d/a.txt", content="new")
    await box.do("file_write", path="d/0.txt", content="new")
    (box.root / "d").mkdir()
    (box.root / "d/a.txt").write_text("old")
    error = await box.refused("file_download", sandbox_path="d", root_path="d")
    assert error.code == "conflict"
    assert sorted(os.listdir(box.root / "d")) == ["a.txt"]
    error = await box.refused("file_download", sandbox_path="d/a.txt", root_path="d/a.txt")
    assert error.code == "conflict"
    await box.do("file_download", sandbox_path="d", root_path="d", overwrite=True)
    assert (box.root / "d/a.txt").read_text() == "new"


async def test_paths_lead_out_of_neither_side(box: Bench) -> None:
    (box.root / "a.txt").write_text("a")
    (box.root / "out").symlink_to("/tmp")
    for asked in (
        {"tool": "file_upload", "root_path": "../../etc/passwd"},
        {"tool": "file_upload", "root_path": "out/x"},
        {"tool": "file_upload", "root_path": "a.txt", "sandbox_path": "/etc/a.txt"},
        {"tool": "file_download", "sandbox_path": "/etc/passwd", "root_path": "p"},
        {"tool": "file_download", "sandbox_path": "none", "root_path": "out/p"},
        {"tool": "file_download", "sandbox_path": "none", "root_path": "p"},
        {"tool": "file_upload", "root_path": "none"},
    ):
        call = dict(asked)
        error = await box.refused(call.pop("tool"), **call)
        assert error.code in {"invalid_arguments", "not_found"}, asked
    place = await box.shop.runtime.host.neighbours.place(box.sandbox_id, None)
    await place.run(["ln", "-s", "/etc/passwd", "link"])
    error = await box.refused("file_download", sandbox_path="link", root_path="p")
    assert "link" in error.message
    assert not (box.root / "p").exists()


async def test_an_unknown_sandbox_is_told(root: Bench) -> None:
    (root.root / "a.txt").write_text("a")
    error = await root.refused("file_upload", root_path="a.txt", sandbox_id="sb-000000000000")
    assert error.code == "not_found"
    error = await root.refused("file_read", path="a.txt", sandbox_id="sb-000000000000")
    assert error.code == "not_found"


class Liar:
    """A sandbox whose agent says what it likes of what a folder holds."""

    sandbox_id = "sb-liar"

    def __init__(self, path: str) -> None:
        self.path = path

    async def stat(self, path: str) -> Entry:
        return Entry(path, "directory", 0, 0.0)

    async def list(self, path: str, **_: Any) -> list[Entry]:
        del path
        return [Entry(self.path, "file", 1, 0.0)]

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        del path
        yield b"x"


async def yes(_path: str) -> bool:
    return True


async def unheard(_done: float, _total: float, _path: str) -> None:
    pass


@pytest.mark.parametrize(
    "path", ["d/../../numpy.py", "d/x/../../../numpy.py", "numpy.py", "/numpy.py", "d//numpy.py"]
)
async def test_a_lying_sandbox_writes_nothing_beside_the_target(root: Bench, path: str) -> None:
    """A module at the top of the root would be what the next kernel imports."""
    liar: Any = Liar(path)
    files: Any = next(each for each in root.shop.runtime.catalog.toolsets if each.name == "files")
    way = Way(liar, files.files.root, lambda _path: True, yes, unheard)
    with pytest.raises(ToolError) as error:
        await copy(way, "d", "scratch/out")
    assert error.value.code == "unavailable"
    assert [each for each in root.root.rglob("*") if each.is_file()] == []
