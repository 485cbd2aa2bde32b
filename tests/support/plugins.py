"""Installs a toolset for one test server, as a package of somebody else's would be installed."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def plugin_environment(home: Path, **points: str) -> dict[str, str]:
    """Write a distribution with toolset entry points below `home`; return what makes Python see it.

    Args:
        home: A temporary folder.
        points: Names of toolsets and where they are, as ``module:Class``.
    """
    folder = home / "site" / "test_plugin-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: test-plugin\nVersion: 1.0\n")
    lines = "".join(f"{name} = {where}\n" for name, where in points.items())
    (folder / "entry_points.txt").write_text(f"[jupyter_mcp.toolsets]\n{lines}")
    return {"PYTHONPATH": f"{folder.parent}:{TESTS}"}
