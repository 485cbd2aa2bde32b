"""Records of runs in a database of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp.storage import Storage


@pytest.fixture
def storage(tmp_path: Path, database_url: str) -> Iterator[Storage]:
    opened = Storage(tmp_path, database_url)
    yield opened
    opened.stop()
