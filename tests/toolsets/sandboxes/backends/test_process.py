"""Plain processes are no isolation, so they are not to be had by accident."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.spec import Isolation
from support.benches import Bench, make_backend, on


async def test_it_is_refused_unless_the_administrator_wants_it(tmp_path: Path) -> None:
    executor, tasks = Executor(1), Supervisor()
    backend = make_backend("process", Settings(), tmp_path, executor, tasks)
    bench = Bench(backend, tmp_path, "test", Settings(), executor, tasks)
    for attempt in (backend.probe, bench.create):
        with pytest.raises(ToolError, match="sandbox_min_isolation = 'process'") as refused:
            await attempt()
        assert refused.value.code == "unavailable"
    assert os.listdir(tmp_path) == []
    await bench.clear()


@on("process")
async def test_it_says_that_it_is_not_isolated(bench: Bench) -> None:
    can = await bench.can()
    assert can.isolation is Isolation.PROCESS
    assert not can.has_network_namespace
    assert "Not isolated" in can.notes[0]


@on("process")
async def test_a_sandbox_that_is_there_is_not_made_twice(bench: Bench) -> None:
    made = await bench.create()
    await bench.run(made, "open('kept', 'w').write('1')")
    with pytest.raises(ToolError, match="already") as refused:
        await bench.backend.create(made.spec)
    assert refused.value.code == "conflict"
    assert await bench.run(made, "print(open('kept').read())") == "1"


@on("process")
async def test_what_is_gone_or_paused_says_so(bench: Bench) -> None:
    handle = await bench.create()
    await bench.backend.pause(handle)
    with pytest.raises(ToolError, match="sandbox_resume") as refused:
        await bench.start(handle, "0")
    assert refused.value.code == "conflict"
    await bench.backend.destroy(handle)
    for call in (bench.backend.pause, bench.backend.resume):
        with pytest.raises(ToolError, match="sandbox_create") as missing:
            await call(handle)
        assert missing.value.code == "not_found"
    with pytest.raises(ToolError, match="sandbox_create"):
        await bench.start(handle, "0")


@on("process")
async def test_a_broken_record_hides_no_other_sandbox(bench: Bench) -> None:
    await bench.create(1)
    folder = bench.state / "sandboxes" / "sb-broken"
    for text in ("", "[]", '{"backend": "process"}', '{"spec": {"limits": 1}}', "\udcff"):
        folder.mkdir(exist_ok=True)
        (folder / "spec.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert len(await bench.backend.list(bench.namespace)) == 1
