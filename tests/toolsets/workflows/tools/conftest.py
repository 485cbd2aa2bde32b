"""The tools of workflows at a runtime of each test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from support.flow_desk import Desk, desk


@pytest_asyncio.fixture
async def flow(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as opened:
        yield opened
