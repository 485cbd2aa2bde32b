"""Kernels for the tests of this room: one shared by a file, and ones that a test may kill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.kernels import Bench, bench
from support.workshops import Workshop, workshop


@pytest_asyncio.fixture(loop_scope="module")
async def kernels(tmp_path: Path) -> AsyncIterator[Bench]:
    """An engine without kernels: the test starts its own and may do with them what it likes."""
    async with bench(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """An engine with one kernel (`shared.kernel_id`) for all tests of a file."""
    async with bench(tmp_path_factory.mktemp("kernels")) as made:
        made.kernel_id = await made.start()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workshop]:
    """The tools over a server that keeps notebooks on disk, for all tests of a file."""
    async with workshop(tmp_path_factory.mktemp("shop")) as made:
        yield made
