"""The Jupyter root and sandboxes, as the tools of files meet them.

A server is shared by the tests of a file, and what lies in its root is removed before each test.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.file_benches import BACKEND, Bench, box_in, settings
from support.git_server import GitServer
from support.workshops import Workshop, workshop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workshop]:
    async with workshop(tmp_path_factory.mktemp("shop"), **settings()) as made:
        made.app.contents_manager.delete_to_trash = False
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_box(shop: Workshop) -> Bench:
    return await box_in(shop)


@pytest.fixture
def root(shop: Workshop) -> Bench:
    """The Jupyter root, empty."""
    for each in shop.root.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()
    return Bench(shop)


@pytest_asyncio.fixture(loop_scope="module")
async def box(root: Bench, shared_box: Bench) -> Bench:
    """A sandbox, empty, beside an empty root."""
    del root
    await shared_box.clear()
    return shared_box


@pytest.fixture(params=["root", BACKEND])
def bench(request: pytest.FixtureRequest, root: Bench) -> Bench:
    """The Jupyter root, and then a sandbox."""
    if request.param == "root":
        return root
    found: Bench = request.getfixturevalue("box")
    return found


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as server:
        yield server
