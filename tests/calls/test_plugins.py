from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.runtimes import call, running

Install = Callable[[str, str], None]

GOOD = '''
from jupyter_mcp import Toolset, tool

class Weather(Toolset):
    name = "weather"

    @tool(scope="read")
    async def forecast(self, city: str) -> str:
        """Forecast for a city."""
        return f"{city}: rain"
'''
BROKEN = {
    "breaks_on_import": "raise RuntimeError('no libfoo')",
    "exits_on_import": "import sys; sys.exit('no libfoo')",
    "breaks_in_schema": """
from jupyter_mcp import Toolset, tool

class Bad(Toolset):
    name = "bad"

    @tool(scope="read")
    async def bad(self, thing):
        return thing
Weather = Bad
""",
    "breaks_in_start": """
from jupyter_mcp import Toolset

class Weather(Toolset):
    name = "late"

    async def start(self):
        raise OSError("no network")
""",
    "exits_in_start": """
from jupyter_mcp import Toolset

class Weather(Toolset):
    name = "exit"

    async def start(self):
        raise SystemExit(3)
""",
    "breaks_by_shape": "Weather = lambda host: 7",
    "breaks_by_name": """
from jupyter_mcp import Toolset, tool

class Weather(Toolset):
    name = "copy"

    @tool(scope="read")
    async def job_get(self) -> str:
        return ""
""",
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package that offers a toolset, as pip would lay it out."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, source: str) -> None:
        (site / f"{name}.py").write_text(source)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        points = f"[jupyter_mcp.toolsets]\n{name} = {name}:Weather\n"
        (info / "entry_points.txt").write_text(points)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return install


async def test_an_installed_package_offers_its_tools(tmp_path: Path, install: Install) -> None:
    install("nice_weather", GOOD)
    async with running(tmp_path) as runtime:
        result = await call(runtime, "forecast", city="Oslo")
    assert result.content[0].text == "Oslo: rain"


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_plugin_is_reported_and_left_out(
    tmp_path: Path, install: Install, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(name, BROKEN[name])
    install("nice_weather", GOOD)
    async with running(tmp_path) as runtime:
        (problem,) = [p for p in runtime.problems if p.plugin != "notebooks"]
        assert (await call(runtime, "forecast", city="Oslo")).content[0].text == "Oslo: rain"
        assert (await call(runtime, "job_get", job_id="x")).error.code == "not_found"
    assert problem.reason
    assert "\n" not in problem.reason
    assert "was left out" in caplog.text
