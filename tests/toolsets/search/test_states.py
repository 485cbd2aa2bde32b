"""What is told of an index that is not complete."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from jupyter_mcp.toolsets.search.index.model import Progress
from jupyter_mcp.toolsets.search.sources import ROOT, Source
from jupyter_mcp.toolsets.search.states import how_far


@pytest.mark.parametrize("stage", ["embedding", "writing"])
def test_vectors_of_an_update_that_was_ended_do_not_say_that_all_is_found(
    stage: Literal["embedding", "writing"],
) -> None:
    source = Source(ROOT, Path("folder"), Path("state"))
    told = how_far(source, Progress(stage, 3, 7))
    assert "all that was read" in told.lower()
    assert "3 of 7" in told
    assert "everything" not in told.lower()
