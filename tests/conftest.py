"""Fixtures that several rooms share: real servers, started once for each test process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from support.engine import Engine, cache_folder, need_docker
from support.plugins import plugin_environment
from support.postgres import Postgres, binaries
from support.server import JupyterServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server with live documents, shared by all tests of the process."""
    with JupyterServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server without jupyter-collaboration, shared by all tests of the process."""
    with JupyterServer(tmp_path_factory.mktemp("plain"), collaboration=False) as running:
        yield running


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab with live documents, for a browser."""
    with JupyterServer(tmp_path_factory.mktemp("lab"), lab=True) as running:
        yield running


@pytest.fixture(scope="session")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server with the probe toolset, below a base URL, shared by all tests."""
    home = tmp_path_factory.mktemp("probed")
    environment = plugin_environment(home, probe="support.probe:Probe")
    options = {"JupyterMCP": {"max_body_bytes": 100_000, "allow_origins": ["https://friend.test"]}}
    options["JupyterMCP"]["cors_origins"] = ["https://page.test"]
    options["JupyterMCP"]["breaker_failures"] = 10_000  # its tools fail on purpose, for many tests
    with JupyterServer(
        home, collaboration=False, base_url="/user/ann/", env=environment, config=options
    ) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real Postgres, shared by all tests of the process, each of which makes a database."""
    programs = binaries()
    if programs is None:
        pytest.skip("Postgres is not installed: apt-get install postgresql")
    with Postgres(programs) as running:
        yield running


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A real Docker engine with the image ``jupyter-mcp/dev``."""
    need_docker()
    with Engine(cache_folder()) as running:
        running.ensure(running.image)
        yield running


@pytest.fixture(scope="session")
def desktop_image(engine: Engine) -> str:
    """An image with a screen and a browser in the engine."""
    engine.ensure(engine.desktop)
    return engine.desktop


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'database.db'}"
    return str(request.getfixturevalue("postgres").database())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI is true a skipped test is a failure: that machine has all that tests need."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        reporter.write_line("CI is true and tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of a module's own, with the probe's tools: for what stops, approves or revokes."""
    home = tmp_path_factory.mktemp("own")
    environment = plugin_environment(home, probe="support.probe:Probe")
    with JupyterServer(home, collaboration=False, env=environment) as running:
        yield running
