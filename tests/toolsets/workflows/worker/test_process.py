"""The worker's process as a server starts, finds and stops it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.worker import process as module
from jupyter_mcp.toolsets.workflows.worker.options import Options
from jupyter_mcp.toolsets.workflows.worker.process import WorkerProcess, environment
from support.server import wait_until
from support.workers import Bench, asking, bench, chain


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """A state folder, and a server's environment with what opens it."""
    for name in ("JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "very-secret")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    async with bench(tmp_path / "state") as made:
        yield made


@pytest.fixture
def let_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """What has to be called, within a minute, before a worker begins that was started."""
    file = tmp_path / "may begin"
    held = f"""
import time
for _ in range(6_000):
    if os.path.exists({str(file)!r}):
        break
    time.sleep(0.01)
else:
    os._exit(1)
os.execv("""
    monkeypatch.setattr(module, "_LEAVE", module._LEAVE.replace("os.execv(", held))
    return file.touch


async def test_it_is_started_once_found_and_stopped(
    place: Bench, let_begin: Callable[[], object]
) -> None:
    worker = WorkerProcess(place.options)
    assert await worker.find() is None
    assert not await worker.stop()
    async with asyncio.timeout(module.STARTING_SECONDS - 1):
        await asyncio.gather(*(worker.ensure() for _ in range(5)))
    assert await worker.find() is None, "it does not wait for the worker"
    let_begin()
    holder = await place.holder()
    await worker.ensure()
    found = await worker.find()
    assert found is not None
    assert (found.pid, found.since, found.executor) == (
        holder.pid,
        holder.started,
        holder.executor,
    )
    await place.ended(await place.put(chain(1)))
    assert place.log.count("begins") == 1
    assert await worker.stop()
    assert await worker.find() is None
    await worker.ensure()
    assert (await place.holder()).pid != found.pid


async def test_what_the_server_says_last_is_what_the_next_worker_knows(place: Bench) -> None:
    worker = WorkerProcess(place.options)
    await worker.ensure()
    await place.holder()
    replace(place.options, running=1).write()  # by hand, or by a server of another time
    assert Options.read(place.state) != place.options
    await worker.ensure()  # one runs, so none is started
    assert Options.read(place.state) == place.options


async def test_an_older_servers_worker_makes_room_and_its_runs_go_on_with_the_next(
    place: Bench,
) -> None:
    older = WorkerProcess(place.options, "0.0.1")
    newer = WorkerProcess(place.options, "999.0")
    await older.ensure()
    first = await place.holder()
    run = await place.put(asking())
    await place.begun(run, "w", "waiting")
    await newer.ensure()
    second = await place.holder()
    assert (second.starter, second.pid != first.pid) == ("999.0", True)
    for server in (older, newer, older, newer):
        await server.ensure()
    assert await place.holder() == second, "the older leaves it, and the newer has it"
    await place.answer(run)
    await place.ended(run)
    assert place.log.count("begins") == 2


async def test_a_worker_that_was_started_by_hand_is_left(place: Bench) -> None:
    place.start()
    holder = await place.holder()
    assert (holder.starter, holder.version) == ("", version("jupyter-mcp-workbench"))
    await WorkerProcess(place.options, "999.0").ensure()
    assert await place.holder() == holder


async def test_one_that_is_killed_before_anybody_saw_it_is_missed_at_once(place: Bench) -> None:
    worker = WorkerProcess(place.options)
    await worker.ensure()
    killed = await place.holder()
    os.kill(killed.pid, signal.SIGKILL)
    await asyncio.to_thread(
        wait_until, lambda: worker.found() is None, seconds=30, what="it is gone"
    )
    await worker.ensure()
    assert (await place.holder()).pid != killed.pid, "nobody asks for it again"


async def test_why_a_worker_failed_is_told_until_another_begins(
    place: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.state / "workflows.db").write_bytes(b"garbage" * 2000)
    worker = WorkerProcess(place.options)

    def has_failed() -> bool:
        return (place.state / "worker.failed").exists() and worker.found() is None

    await worker.ensure()
    await asyncio.to_thread(wait_until, has_failed, seconds=30, what="it has failed")
    why = r"The worker has ended: .* workflows\.db, cannot be opened: the file is no database\."
    for _ in range(2):
        with pytest.raises(ToolError, match=why):
            await worker.ensure()
    assert place.log.count("begins") == 1, "none is started again and again"
    for file in place.state.glob("workflows.db*"):
        file.unlink()
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    with pytest.raises(ToolError, match=why):
        await worker.ensure()
    await place.holder()
    await worker.ensure()
    await place.ended(await place.put(chain(1)))


async def test_a_worker_that_never_begins_is_missed(
    place: Bench, let_begin: Callable[[], object]
) -> None:
    worker = WorkerProcess(place.options)
    await worker.ensure()
    worker._begun -= module.STARTING_SECONDS
    with pytest.raises(ToolError, match=r"it did not begin.*worker\.log"):
        await worker.ensure()
    let_begin()
    await place.holder()
    await worker.ensure()


async def test_it_is_nobodys_child_and_knows_no_token(place: Bench) -> None:
    await WorkerProcess(place.options).ensure()
    holder = await place.holder()
    running = psutil.Process(holder.pid)
    assert running.ppid() != os.getpid()
    assert os.getsid(holder.pid) != os.getsid(0)
    assert "very-secret" not in str(running.environ())
    assert running.environ()["JUPYTER_RUNTIME_DIR"] == os.environ["JUPYTER_RUNTIME_DIR"]
    assert running.cwd() == str(place.state)


async def test_the_event_loop_goes_on_while_it_is_started(
    place: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, starting, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    ended: list[bool] = []

    def start(*_: object) -> None:
        loop.call_soon_threadsafe(starting.set)
        ended.append(may_end.wait(30))

    monkeypatch.setattr(module, "start", start)
    task = asyncio.create_task(WorkerProcess(place.options).ensure())
    await asyncio.wait_for(starting.wait(), 60)
    may_end.set()
    await task
    assert ended == [True], "the loop has let it end"


async def test_its_log_is_turned_over(place: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 10)
    (place.state / "worker.log").write_text("x" * 100)
    await WorkerProcess(place.options).ensure()
    await place.holder()
    assert (place.state / "worker.log.1").read_text() == "x" * 100


def test_of_an_environment_only_what_is_known_goes_on() -> None:
    whole = {
        "PATH": "/bin",
        "HOME": "/home/ann",
        "LC_ALL": "C",
        "JUPYTER_DATA_DIR": "/data",
        "JUPYTER_TOKEN": "t",
        "JUPYTERHUB_API_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
    }
    kept = environment(whole)
    assert kept.pop("MALLOC_ARENA_MAX") == "2"
    assert kept.keys() == {"PATH", "HOME", "LC_ALL", "JUPYTER_DATA_DIR"}
