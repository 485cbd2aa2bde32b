from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from support.runtimes import call, running

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, TOP / "scripts" / "reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def test_the_example_of_a_toolset_works(tmp_path: Path) -> None:
    page = TOP / "docs" / "how-to" / "write-a-toolset.md"
    (source,) = blocks(page, "python")
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, "example", "exec", dont_inherit=True), names)
    async with running(tmp_path, names["Weather"]) as runtime:
        result = await call(runtime, "weather_forecast", city="Oslo", days=2)
    assert result.structured == {"city": "Oslo", "degrees": 21.5}


def test_the_entry_point_of_the_example_is_toml() -> None:
    (source,) = blocks(TOP / "docs" / "how-to" / "write-a-toolset.md", "toml")
    assert "jupyter_mcp.toolsets" in tomllib.loads(source)["project"]["entry-points"]


@pytest.mark.parametrize("number", range(6))
def test_the_configuration_of_each_client_is_what_the_command_prints(
    number: int, tmp_path: Path
) -> None:
    page = TOP / "docs" / "how-to" / "connect-clients.md"
    name = re.findall(r"^\| \[.*\) \| `([\w-]+)` \|$", page.read_text(), re.MULTILINE)[number]
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mcp.commands", "config", name],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path)},
    )
    printed = re.sub(r'"command": ".*/', '"command": "', done.stdout)
    assert json.loads(blocks(page, "json")[number]) == json.loads(printed)
