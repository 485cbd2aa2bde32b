"""Notebooks are the notebook tools' business: no file tool writes over one, or over an open one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbformat.v4 import new_notebook

from support.file_benches import Bench, box_in, settings
from support.notebooks import code, write_notebook
from support.workshops import workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_notebook_is_made_but_not_written_over(root: Bench) -> None:
    text = json.dumps(new_notebook())
    await root.do("file_write", path="new.ipynb", content=text)
    before = (root.root / "new.ipynb").read_bytes()
    for tool, more in (
        ("file_write", {"content": text}),
        ("file_edit", {"edits": [{"old": "{", "new": "["}]}),
    ):
        error = await root.refused(tool, path="new.ipynb", **more)
        assert (error.code, "cell_edit" in error.remedy) == ("conflict", True)
    assert (root.root / "new.ipynb").read_bytes() == before
    for broken in ("{}", "no json", "[]", '{"cells": 1, "nbformat": 4}'):
        error = await root.refused("file_write", path="broken.ipynb", content=broken)
        assert error.code == "invalid_arguments"
    assert await root.names() == ["new.ipynb"]
    read = await root.do("notebook_read", path="new.ipynb")
    assert read["total"] == 0


class Page:
    """A panel that shows one notebook."""

    def connected(self, path: str) -> bool:
        return path == "open.ipynb"

    async def request(self, path: str, op: object) -> dict[str, object]:
        raise AssertionError((path, op))


async def test_an_open_notebook_is_not_replaced_by_a_copy(tmp_path: Path) -> None:
    async with workshop(tmp_path, **settings()) as shop:
        box = await box_in(shop)
        files = next(each for each in shop.runtime.catalog.toolsets if each.name == "files")
        files.files.open._panel = Page()
        write_notebook(shop.root / "open.ipynb", code("mine", "a"))
        before = (shop.root / "open.ipynb").read_bytes()
        await box.do("file_write", path="open.ipynb", content="{}")
        error = await box.refused(
            "file_download", sandbox_path="open.ipynb", root_path="open.ipynb", overwrite=True
        )
        assert error.code == "conflict"
        await box.do("file_write", path="x.txt", content="x")
        await box.do("file_download", sandbox_path="x.txt", root_path="x.txt")
        error = await Bench(shop).refused(
            "file_move", path="x.txt", new_path="open.ipynb", overwrite=True
        )
        assert error.code == "conflict"
        assert (shop.root / "open.ipynb").read_bytes() == before
