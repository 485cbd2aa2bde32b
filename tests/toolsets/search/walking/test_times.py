from __future__ import annotations

import os
from pathlib import Path

from jupyter_mcp.toolsets.search.walking.times import changed_ns


def test_a_time_that_was_set_back_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("a = 1\n")
    before = changed_ns(file.stat())
    os.utime(file, (1, 1))
    assert changed_ns(file.stat()) >= before


def test_a_time_to_come_counts_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("a = 1\n")
    later = 2**31
    os.utime(file, (later, later))
    assert changed_ns(file.stat()) == later * 10**9
