"""The bench for tests of sandboxes, with the backend that a test is parametrised with."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from support.benches import Bench, make_backend
from support.containers import small_image
from support.engine import Engine, need_docker


@pytest.fixture
def own_engine() -> Iterator[Engine]:
    """An engine that may be killed, without network, and with one small image."""
    need_docker()
    with (
        tempfile.TemporaryDirectory(prefix="jme-") as folder,  # a socket's path must be short
        Engine(Path(folder), network="") as running,
    ):
        small_image(running.url)
        yield running


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """The bench of the backend that the test is parametrised with."""
    name: str = request.param
    url = request.getfixturevalue("engine").url if name == "docker" else ""
    settings = Settings(docker_url=url, sandbox_min_isolation="process")
    executor, tasks, state = Executor(4), Supervisor(), tmp_path / "state"
    backend = make_backend(name, settings, state, executor, tasks)
    namespace = f"test-{abs(hash(request.node.name)) % 16**8:08x}"
    bench = Bench(backend, state, namespace, settings, executor, tasks)
    yield bench
    await bench.clear()
