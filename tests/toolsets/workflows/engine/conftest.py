"""A bench of workflows for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.flows import Bench, bench


@pytest.fixture
async def flows(tmp_path: Path) -> AsyncIterator[Bench]:
    """An engine on SQLite, with tools and records in memory."""
    async with bench(str(tmp_path / "workflows.db")) as made:
        yield made
