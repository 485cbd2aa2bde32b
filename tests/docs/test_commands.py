"""Every command and option that the pages name is there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.commands.app import McpApp
from jupyter_mcp.config import Settings

TOP = Path(__file__).resolve().parents[2]
PAGES = [*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")]
LINE = re.compile(r"jupyter mcp ([a-z]+)\b([^\n`#|]*)")
COMMANDS = sorted(
    {
        (page.relative_to(TOP).as_posix(), *found)
        for page in PAGES
        for found in LINE.findall(page.read_text())
    }
)


def options_of(command: str) -> set[str]:
    """Return the options of a subcommand, and of those that its base classes know by themselves."""
    place, _help = McpApp.subcommands[command]
    module, _, name = str(place).rpartition(".")
    app: Any = getattr(import_module(module), name)
    names = [*app.aliases, *app.flags]
    return {each for name in names for each in (name if isinstance(name, tuple) else (name,))}


@pytest.mark.parametrize(("page", "command", "words"), COMMANDS)
def test_a_command_is_there_with_its_options(page: str, command: str, words: str) -> None:
    assert command in McpApp.subcommands, page
    named = set(re.findall(r"(?<!\S)--([a-z-]+)", words))
    assert named <= options_of(command) | {"help", "version"}, page


def test_every_setting_that_the_pages_name_is_there() -> None:
    named = {
        name for page in PAGES for name in re.findall(r"\bJupyterMCP\.([a-z_]+)", page.read_text())
    }
    assert named <= set(Settings.__slots__)
