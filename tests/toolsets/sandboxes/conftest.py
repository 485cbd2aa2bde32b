"""The bench for tests of sandboxes, with the backend that a test is parametrised with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from support.benches import Bench, make_backend


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
