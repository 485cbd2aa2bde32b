from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from jupyter_mcp.toolsets.search.chunking import process
from jupyter_mcp.toolsets.search.chunking.pool import Pool, batched
from jupyter_mcp.toolsets.search.chunking.prepare import Job, prepare
from support.projects import notebook, project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISBEHAVE = """
import os, sys, time
from jupyter_mcp.toolsets.search.chunking import prepare as room
real = room.prepare
def prepare(job):
    print("noise on standard output")
    if "crash" in job.path:
        os.kill(os.getpid(), 9)
    while "hang" in job.path:
        pass
    return room.failed(job, " ".join(sys.modules)) if job.path == "modules" else real(job)
room.prepare = prepare
"""
"""What makes a process crash, hang or tell what it imported, by the name of the file."""

PARENT = """
import sys
from jupyter_mcp.toolsets.search.chunking.pool import Pool
from jupyter_mcp.toolsets.search.chunking.prepare import Job
pool = Pool(2)
run = pool.run([Job(sys.argv[1], f"f{n}.py", 20_000) for n in range(200)])
next(run)
print(*pool.pids, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(2, limit=30)
    yield made
    made.close()


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_PROGRAM", f"exec({MISBEHAVE!r}); {process._PROGRAM}")


def sources(folder: Path, count: int, *names: str) -> list[Job]:
    body = "\n".join(f"def function_{n}():\n    return {n}\n" for n in range(20))
    files = {f"f{n}.py": f"{body}\nN = {n}\n" for n in range(count)} | dict.fromkeys(names, body)
    project(folder, files)
    return [Job(str(folder), path, len(text)) for path, text in files.items()]


def test_processes_prepare_what_would_be_prepared_here(tmp_path: Path, pool: Pool) -> None:
    jobs = sources(tmp_path, 90)
    project(tmp_path, {"bad.ipynb": "{", "null.py": b"\0", "ok.ipynb": notebook()})
    jobs += [Job(str(tmp_path), path) for path in ("bad.ipynb", "null.py", "ok.ipynb", "gone.py")]
    found = {each.file.path: each for each in pool.run(jobs)}
    assert found == {job.path: prepare(job) for job in jobs}
    assert found["bad.ipynb"].file.error == "corrupt notebook: it is not JSON"
    assert found["null.py"].file.error == "binary"
    assert found["gone.py"].file.error == "gone"
    assert len(pool.pids) == 2


def test_a_little_work_starts_no_process(tmp_path: Path, pool: Pool) -> None:
    assert len(list(pool.run(sources(tmp_path, 4)))) == 4
    assert pool.pids == []
    alone = Pool(1)
    assert len(list(alone.run(sources(tmp_path, 50)))) == 50
    assert alone.pids == []


def test_a_file_that_is_as_it_was_is_not_cut_again(tmp_path: Path) -> None:
    (job,) = sources(tmp_path, 1)
    first = prepare(job)
    assert len(first.file.pieces) > 0
    again = prepare(Job(job.folder, job.path, known=first.file.digest))
    assert again.is_unchanged
    assert not again.file.pieces
    assert again.file.digest == first.file.digest


def test_vectors_come_with_the_chunks_and_stay_small(tmp_path: Path) -> None:
    (job,) = sources(tmp_path, 1)
    found = pickle.loads(pickle.dumps(prepare(job)))
    vectors = found.vectors()
    assert vectors is not None
    assert len(vectors) == len(found.file.pieces)
    assert abs(float((vectors[0] ** 2).sum()) - 1) < 0.01
    assert prepare(Job(job.folder, job.path, is_embedded=False)).vectors() is None


@pytest.mark.usefixtures("misbehaving")
def test_a_file_that_crashes_a_process_costs_only_itself(tmp_path: Path, pool: Pool) -> None:
    jobs = sources(tmp_path, 60, "crash1.py", "crash2.py")
    found = {each.file.path: each.file.error for each in pool.run(jobs)}
    assert len(found) == 62
    crashed = {path for path, error in found.items() if error}
    assert crashed == {"crash1.py", "crash2.py"}
    assert found["crash1.py"] == "could not be cut (crash)"


@pytest.mark.usefixtures("misbehaving")
def test_a_file_that_takes_for_ever_costs_only_itself(tmp_path: Path) -> None:
    pool = Pool(2, limit=5)
    found = {each.file.path: each.file.error for each in pool.run(sources(tmp_path, 40, "hang.py"))}
    pool.close()
    assert len(found) == 41
    assert {path for path, error in found.items() if error} == {"hang.py"}
    assert found["hang.py"] == "took too long to be cut"


def test_an_answer_that_had_to_wait_for_the_caller_is_not_late(tmp_path: Path) -> None:
    pool = Pool(2, limit=30)
    body = "\n".join(f"def function_{n}():\n    return {n} + {n}\n" for n in range(9000))
    project(tmp_path, {f"{n}.py": f"N = {n}\n{body}" for n in range(6)})
    run = pool.run([Job(str(tmp_path), f"{n}.py", len(body)) for n in range(6)])
    found = [next(run)]
    for each in pool._processes:
        select.select([each.fileno()], [], [], 30)
        each._since -= 60  # as if the caller had written to a slow disk meanwhile
    found += run
    pool.close()
    assert len(found) == 6
    assert not any(each.file.error for each in found)


@pytest.mark.usefixtures("misbehaving")
def test_processes_import_little(tmp_path: Path, pool: Pool) -> None:
    found = {
        each.file.path: each for each in pool.run([*sources(tmp_path, 9), Job("/", "modules")])
    }
    modules = found["modules"].file.error.split()
    assert "jupyter_mcp.toolsets.search.chunk" in modules
    rooms = {name.split(".")[0] for name in modules}
    assert rooms.isdisjoint(
        {"jupyter_server", "tornado", "chromadb", "mcp", "sqlalchemy", "pydantic", "asyncio"}
    )


def test_a_process_that_somebody_kills_is_replaced(tmp_path: Path, pool: Pool) -> None:
    jobs = sources(tmp_path, 400)
    run = pool.run(jobs)
    found = [next(run)]
    os.kill(pool.pids[0], signal.SIGKILL)
    found += run
    assert sorted(each.file.path for each in found) == sorted(job.path for job in jobs)
    assert not any(each.file.error for each in found)
    os.kill(pool.pids[0], signal.SIGKILL)  # and one that is idle
    assert not any(each.file.error for each in pool.run(jobs[:40]))


def test_whoever_stops_asking_ends_it(tmp_path: Path, pool: Pool) -> None:
    jobs = sources(tmp_path, 300)
    run = pool.run(jobs)
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert len(list(pool.run(jobs))) == 300
    asked = iter([False, False, True])
    assert len(list(pool.run(jobs, lambda: next(asked, True)))) < 300


def test_closing_leaves_no_process_also_from_a_thread_that_is_over(tmp_path: Path) -> None:
    pool = Pool(2)
    jobs = sources(tmp_path, 60)
    thread = threading.Thread(target=lambda: list(pool.run(jobs)))
    thread.start()
    thread.join()
    begun = [psutil.Process(pid) for pid in pool.pids]
    assert len(begun) == 2
    assert len(list(pool.run(jobs))) == 60  # they live longer than the thread that started them
    assert [psutil.Process(pid) for pid in pool.pids] == begun
    pool.close()
    assert not any(each.is_running() for each in begun)
    assert pool.pids == []
    assert len(list(pool.run(jobs))) == 60
    pool.close()


@pytest.mark.parametrize("is_busy", [False, True])
def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path, is_busy: bool) -> None:
    sources(tmp_path, 200 if is_busy else 1)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        begun = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert begun
        parent.kill()
    _, alive = psutil.wait_procs(begun, timeout=20)
    assert not alive


def test_small_files_go_together() -> None:
    jobs = [Job("/", f"{n}", 1000) for n in range(100)] + [Job("/", "big", 900_000)] * 2
    sizes = [len(batch) for batch in batched(jobs)]
    assert sizes == [32, 32, 32, 4, 1, 1]
    assert batched([]) == []
