"""The process that keeps vectors: it serves many, and its death costs an answer and no more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.vectors import process as room
from jupyter_mcp.toolsets.search.vectors import soundness
from jupyter_mcp.toolsets.search.vectors.process import ChromaProcess
from jupyter_mcp.toolsets.search.vectors.remote import RemoteVectors
from support.chroma import ChromaServer
from support.server import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

SIZE = 32
INSTALL = "pip install 'jupyter-mcp-workbench[search]'"


def some_vectors(count: int, size: int = SIZE) -> Vectors:
    rows = np.random.default_rng(0).normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def digests(count: int, start: int = 0) -> list[str]:
    return [f"{number:032x}" for number in range(start, start + count)]


@pytest.fixture(scope="module")
def shared() -> Iterator[ChromaProcess]:
    """A process for tests that do it no harm, or from which it comes back."""
    made = ChromaProcess()
    yield made
    made.close()


@pytest.fixture
def process() -> Iterator[ChromaProcess]:
    """A process of a test's own."""
    made = ChromaProcess()
    yield made
    made.close()


def pid_of(process: ChromaProcess) -> int:
    assert process.pid is not None
    return process.pid


def struck(pid: int, how: signal.Signals) -> None:
    """Kill or stop a process and wait until it is: on a loaded machine it still answers before."""
    os.kill(pid, how)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)


def patched(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let processes run some code before they begin."""
    monkeypatch.setattr(room, "_PROGRAM", f"exec({textwrap.dedent(code)!r}); {room._PROGRAM}")


def test_collections_share_a_process(tmp_path: Path, shared: ChromaProcess) -> None:
    first = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    second = RemoteVectors(shared, tmp_path, "onnx", 8)
    first.upsert(digests(3), some_vectors(3))
    second.upsert(digests(2), some_vectors(2, 8))
    assert (first.count(), second.count()) == (3, 2)
    assert psutil.Process(pid_of(shared)).nice() > psutil.Process().nice()
    first.drop()
    assert (first.count(), second.count()) == (0, 2)
    with pytest.raises(ToolError, match="A vector of 32 numbers does not fit") as told:
        second.search(some_vectors(1)[0], 3)
    assert told.value.code == "invalid_arguments"


def test_a_server_is_reached_through_it(tmp_path: Path, shared: ChromaProcess) -> None:
    with ChromaServer(tmp_path) as server:
        made = RemoteVectors(shared, server.url, "static-1", SIZE)
        made.upsert(digests(5), some_vectors(5))
        assert made.search(some_vectors(5)[3], 1)[0][0] == digests(1, 3)[0]
        server.kill()
        with pytest.raises(ToolError, match="does not answer") as told:
            made.count()
        assert told.value.code == "unavailable"
        assert "search_chroma_url" in told.value.remedy
        server.start()
        assert made.count() == 5


def test_searches_have_their_turn_while_much_is_added(
    tmp_path: Path, shared: ChromaProcess
) -> None:
    made = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    rows = some_vectors(12_000)
    made.upsert(digests(10), rows[:10])
    writing = threading.Thread(target=made.upsert, args=(digests(12_000), rows))
    writing.start()
    answers = 0
    while writing.is_alive():
        assert made.search(rows[3], 1)[0][0] == digests(1, 3)[0]
        answers += 1
    writing.join()
    assert answers > 5
    assert made.count() == 12_000


def test_when_it_is_killed_the_next_question_starts_it_again(
    tmp_path: Path, shared: ChromaProcess
) -> None:
    made = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    made.upsert(digests(20), some_vectors(20))
    before = pid_of(shared)
    struck(before, signal.SIGKILL)
    with pytest.raises(ToolError, match=r"gone \(exit -9\)") as told:
        made.count()
    assert told.value.code == "unavailable"
    assert made.count() == 20
    assert pid_of(shared) != before


def test_of_all_who_wait_one_is_told_of_damage(
    tmp_path: Path, shared: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one would put what is made anew aside as well."""
    # A stopped process that is to crash has to go on for that, and may answer before it does.
    monkeypatch.setattr(room, "_CRASHES", {signal.SIGKILL})
    made = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    made.upsert(digests(20), some_vectors(20))
    folder = next(tmp_path.iterdir())
    soundness.unseal(folder)
    codes: list[str] = []

    def ask() -> None:
        try:
            made.count()
        except ToolError as error:
            codes.append(error.code)

    struck(pid_of(shared), signal.SIGSTOP)
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: shared._running.readers.qsize() == 1, seconds=30, what="all wait")  # type: ignore[union-attr]
    os.kill(pid_of(shared), signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["corrupt", "unavailable", "unavailable"]
    assert made.count() == 20


def test_a_crash_where_nothing_was_written_is_no_damage_yet(
    tmp_path: Path, shared: ChromaProcess
) -> None:
    made = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    made.upsert(digests(20), some_vectors(20))
    folder = next(tmp_path.iterdir())
    struck(pid_of(shared), signal.SIGSEGV)
    with pytest.raises(ToolError) as told:
        made.count()
    assert told.value.code == "unavailable"
    assert not soundness.is_sealed(folder), "it is looked at when it is opened"
    assert made.count() == 20


def test_a_process_that_does_not_answer_is_ended(tmp_path: Path, shared: ChromaProcess) -> None:
    made = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    made.upsert(digests(5), some_vectors(5))
    hanging = psutil.Process(pid_of(shared))
    struck(hanging.pid, signal.SIGSTOP)
    shared._limit, limit = 0.2, shared._limit
    try:
        with pytest.raises(ToolError, match="did not answer") as told:
            made.count()
    finally:
        shared._limit = limit
    assert told.value.code == "unavailable"
    assert not hanging.is_running()
    assert made.count() == 5


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("chroma.sqlite3", "noise"),
        ("chroma.sqlite3", "empty"),
        ("data_level0.bin", "half"),
        ("link_lists.bin", "noise"),
        ("header.bin", "noise"),
    ],
)
def test_a_damaged_folder_is_told_unless_it_answers_right(
    tmp_path: Path, shared: ChromaProcess, name: str, damage: str
) -> None:
    made = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    made.upsert(digests(1200), some_vectors(1200))
    made.close()
    victim = next((tmp_path / "static-1").rglob(name))
    whole = victim.read_bytes()
    spoiled = {"noise": b"\xa7" * len(whole), "empty": b"", "half": whole[: len(whole) // 2]}
    victim.write_bytes(spoiled[damage])
    try:
        found = made.search(some_vectors(1)[0], 3)
    except ToolError as error:
        told = error
    else:
        told = None
        assert name == "link_lists.bin", "which only shortens the way"
        assert found[0] == (digests(1)[0], pytest.approx(1.0, abs=1e-5))
    assert told is None or (told.code, "made anew" in told.remedy) == ("corrupt", True)
    made.drop()
    made.upsert(digests(1), some_vectors(1))
    assert made.count() == 1


WRITER = """
import sys
from pathlib import Path
import numpy as np
from jupyter_mcp.toolsets.search.vectors.process import ChromaProcess
from jupyter_mcp.toolsets.search.vectors.remote import RemoteVectors
process = ChromaProcess()
made = RemoteVectors(process, Path(sys.argv[1]), "static-1", 32)
rows = np.random.default_rng(0).normal(size=(60000, 32)).astype(np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
for start in range(made.count(), 60000, 1000):
    made.upsert([f"{n:032x}" for n in range(start, start + 1000)], rows[start:start + 1000])
    print(process.pid, start + 1000, flush=True)
"""


@pytest.mark.parametrize("victim", ["server", "process", "both"])
def test_after_kill_9_it_goes_on_or_says_that_it_is_damaged(
    tmp_path: Path, shared: ChromaProcess, victim: str
) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    pid, told = [[int(each) for each in writer.stdout.readline().split()] for _ in range(2)][-1]
    keeper = psutil.Process(pid)
    if victim != "server":
        keeper.kill()
    if victim != "process":
        writer.kill()
    writer.communicate()
    made = RemoteVectors(shared, tmp_path, "static-1", SIZE)
    try:
        assert made.count() >= told
        assert len(made.search(some_vectors(1)[0], 10)) == 10
    except ToolError as error:
        assert victim != "server", "what was being written was written to its end"
        assert error.code == "corrupt"  # noqa: PT017
        made.drop()
    wait_until(lambda: not keeper.is_running(), seconds=20, what="it ends with its parent")


def test_closing_does_not_wait_for_the_import(
    tmp_path: Path, process: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched(monkeypatch, "import time; time.sleep(60)")
    failed: list[ToolError] = []

    def load() -> None:
        try:
            RemoteVectors(process, tmp_path, "static-1", SIZE).count()
        except ToolError as error:
            failed.append(error)

    loading = threading.Thread(target=load)
    loading.start()
    wait_until(lambda: process.pid is not None, seconds=30, what="it starts", interval=0.01)
    child = psutil.Process(pid_of(process))
    began = time.monotonic()
    process.close()
    loading.join()
    assert time.monotonic() - began < 10, "one, on a machine with nothing else to do"
    assert not child.is_running()
    assert [error.code for error in failed] == ["unavailable"]
    with pytest.raises(ToolError, match="is closed"):
        RemoteVectors(process, tmp_path, "static-1", SIZE).count()


def test_closing_lets_a_batch_be_written(tmp_path: Path, process: ChromaProcess) -> None:
    made = RemoteVectors(process, tmp_path, "static-1", SIZE)
    made.count()
    written = threading.Event()

    def write() -> None:
        try:
            for start in range(0, 100_000, 100):
                made.upsert(digests(100, start), some_vectors(100))
                written.set()
        except ToolError:
            return

    writing = threading.Thread(target=write)
    writing.start()
    written.wait(20)
    began = time.monotonic()
    process.close()
    assert time.monotonic() - began < 10, "one, on a machine with nothing else to do"
    writing.join()
    assert soundness.is_sealed(tmp_path / "static-1")


def test_a_closed_process_leaves_nothing(tmp_path: Path) -> None:
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    made = ChromaProcess()
    RemoteVectors(made, tmp_path, "static-1", SIZE).upsert(digests(3), some_vectors(3))
    child = psutil.Process(pid_of(made))
    made.close()
    made.close()
    assert not child.is_running()
    assert len(os.listdir("/proc/self/fd")) == files
    assert threading.active_count() == threads


def test_without_the_library_the_extra_is_named_and_nothing_starts(
    tmp_path: Path, process: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chromadb", None)
    with pytest.raises(ToolError, match="Chroma is missing") as told:
        RemoteVectors(process, tmp_path, "static-1", SIZE).count()
    assert told.value.code == "unavailable"
    assert told.value.remedy == INSTALL
    assert process.pid is None


def test_a_library_that_cannot_be_imported_is_told(
    tmp_path: Path, process: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched(monkeypatch, "sys.modules['chromadb'] = None")
    with pytest.raises(ToolError, match="Chroma is missing") as told:
        RemoteVectors(process, tmp_path, "static-1", SIZE).count()
    assert told.value.remedy == INSTALL


def test_a_process_that_cannot_run_is_told(
    tmp_path: Path, process: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PROGRAM", "import os; os._exit(3)")
    with pytest.raises(ToolError, match=r"gone \(exit 3\)") as told:
        RemoteVectors(process, tmp_path, "static-1", SIZE).count()
    assert told.value.code == "unavailable"


def test_the_server_imports_nothing_heavy(tmp_path: Path) -> None:
    program = """
    import sys
    from pathlib import Path
    from jupyter_mcp.toolsets.search.vectors.process import ChromaProcess
    from jupyter_mcp.toolsets.search.vectors.remote import RemoteVectors
    process = ChromaProcess()
    made = RemoteVectors(process, Path(sys.argv[1]), "static-1", 4)
    assert not {"chromadb", "numpy"} & set(sys.modules), "too early"
    import numpy
    made.upsert(["a" * 32], numpy.eye(4, dtype="float32")[:1])
    made.delete(["b" * 32])
    assert "chromadb" not in sys.modules
    process.close()
    """
    command = [sys.executable, "-W", "default", "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
