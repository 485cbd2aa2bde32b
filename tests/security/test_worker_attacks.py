"""Attacks on the worker of workflows by who can write its journal."""

from __future__ import annotations

import base64
import os
import pickle
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from support.workers import Bench, bench, chain, waiting


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Bench]:
    """A state folder without a server."""
    async with bench(tmp_path / "state") as made:
        yield made


class Code:
    """An object whose pickle runs code where it is read."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.makedirs, (str(self._mark),)


async def test_a_pickle_in_the_journal_is_no_code_of_the_worker(
    place: Bench, tmp_path: Path
) -> None:
    worker = place.start()
    spec = waiting(60)
    spec["nodes"] += chain(1)["nodes"]
    run = await place.put(spec)
    await place.begun(run, "n0", "succeeded")
    await place.begun(run, "w", "waiting")
    place.kill(worker)
    mark = tmp_path / "mark"
    told = (base64.b64encode(pickle.dumps(Code(mark))).decode(), "py_pickle")
    change = "UPDATE operation_outputs SET output = ?, serialization = ?"
    with closing(sqlite3.connect(place.state / "workflows.db")) as journal, journal:
        assert journal.execute(change, told).rowcount
    place.start()
    await place.ended(run, "failed")
    assert not mark.exists()
    await place.ended(await place.put(chain(1)))
