"""What the walk down to a file refuses after a path was resolved: links that came in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.below import Below


def test_a_link_that_comes_after_the_look_leads_nowhere(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / "d").mkdir(parents=True)
    outside.mkdir()
    (outside / "f").write_text("theirs")
    (top / "d/f").write_text("ours")
    below = Below(top)
    real = below.real("d/f")
    (top / "d/f").unlink()
    (top / "d/f").symlink_to(outside / "f")
    with pytest.raises(ToolError):
        below.read(real, 0, None)
    (top / "d/f").unlink()
    (top / "d").rmdir()
    (top / "d").symlink_to(outside)
    with pytest.raises(ToolError):
        below.read(real, 0, None)
    with pytest.raises(ToolError):
        below.writing("d/new")
    with pytest.raises(ToolError):
        below.unlink(real)
    with pytest.raises(ToolError):
        below.entries("d")
    assert sorted(path.name for path in outside.iterdir()) == ["f"]
    assert (outside / "f").read_text() == "theirs"
