"""The store of expiring values in a table, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.sql_store import SqlStore
from support.clock import Clock


@pytest.fixture(params=["sqlite", "postgres"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    """A database of each kind."""
    is_postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres").database() if is_postgres else ""
    made = Storage(tmp_path, url)
    yield made
    made.stop()


async def test_one_of_two_keeps_a_value_and_the_other_is_told(storage: Storage) -> None:
    clock = Clock()
    store = SqlStore(storage, "n", clock)
    assert await store.set_if_absent("space", "key", b"first", 30)
    assert not await store.set_if_absent("space", "key", b"second", 30)
    assert await store.get("space", "key") == b"first"
    assert not await store.delete("space", "key", b"second")
    assert await store.delete("space", "key", b"first")
    assert await store.set_if_absent("space", "key", b"third", 30)
    clock.now += 31
    assert await store.get("space", "key") is None
    assert await store.set_if_absent("space", "key", b"fourth", 30)
