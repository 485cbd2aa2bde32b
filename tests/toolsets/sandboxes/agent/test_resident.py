# ruff: noqa: ASYNC110, ASYNC220, ASYNC221, ASYNC240 - files tell what processes do
"""The agent in a plain subprocess: processes and their ends, terminals, links that lead out."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.agent.resident import glob_pattern
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_argv, agent_source
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from jupyter_mcp.toolsets.sandboxes.link.processes import Process
from jupyter_mcp.toolsets.sandboxes.places.place import SandboxPlace
from jupyter_mcp.workplace import Search
from support.agents import linked
from support.pipes import PipeChannel

USER = 1000
PYTHON = shutil.which("python3", path="/usr/bin:/bin")

# A child that leaves its group, its session, its parent and its environment behind.
DAEMON = """
import os, sys, time
def step():
    if os.fork(): os._exit(0)
    os.setsid()
if os.fork() == 0:
    step(); step()
    os.execve(sys.executable, [sys.executable, '-c',
        'import os,time; open("daemon.new","w").write(str(os.getpid()));'
        'os.rename("daemon.new","daemon"); time.sleep(99)'], {})
os.wait()
"""


async def there(path: Path) -> str:
    async with asyncio.timeout(30):
        while not path.exists():
            await asyncio.sleep(0.005)
    return path.read_text()


def runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def gone(pid: int, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while runs(pid):
        assert time.monotonic() < end, f"{pid} still runs"
        await asyncio.sleep(0.005)


async def everything(process: Process) -> bytes:
    parts = b""
    async for _lane, data in process.output():
        parts += data
    return parts


def test_the_source_is_for_python_3_8_and_the_standard_library() -> None:
    tree = ast.parse(agent_source(), feature_version=(3, 8))
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        str(node.module).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert names <= sys.stdlib_module_names
    assert len(" ".join(agent_argv())) < 1000


async def test_nothing_is_left_when_the_channel_closes(tmp_path: Path) -> None:
    tasks = Supervisor()
    channel = await PipeChannel.open(agent_argv(sys.executable), cwd=tmp_path)
    link = await Link.open(channel, tasks)
    await link.start(
        ["sh", "-c", "sleep 99 & setsid sleep 99 & echo $$ > sh.new; mv sh.new sh; wait"]
    )
    await link.start([sys.executable, "-c", DAEMON])
    shell, daemon = int(await there(tmp_path / "sh")), int(await there(tmp_path / "daemon"))
    children = subprocess.run(
        ["pgrep", "-P", str(shell)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(children) == 2
    async with asyncio.timeout(30):
        await link.close()
    for pid in (shell, daemon, *map(int, children), channel.pid):
        assert not runs(pid)
    await tasks.stop()


async def test_nothing_is_left_when_the_host_is_killed(tmp_path: Path) -> None:
    held = subprocess.Popen(
        agent_argv(sys.executable), cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert held.stdin is not None
    assert held.stdout is not None
    held.stdin.write(agent_source())
    held.stdin.flush()
    held.stdout.read(14)
    held.stdin.close()
    assert await asyncio.to_thread(held.wait, 5) == 0
    held.stdout.close()


@pytest.mark.parametrize(
    "frame", [b"\xff" * 14, b"\2\0" + b"\0" * 4 + b"\xff" * 8, b"\2\0" + b"\0" * 12]
)
async def test_broken_frames_end_the_agent(tmp_path: Path, frame: bytes) -> None:
    channel = await PipeChannel.open(agent_argv(sys.executable), cwd=tmp_path)
    await channel.write(agent_source() + frame)
    async with asyncio.timeout(30):
        while await channel.read(1 << 16):
            pass
    await channel.close()


async def test_kill_reaches_what_left_the_group(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        process = await link.start(
            ["sh", "-c", "setsid sleep 98 & echo $! > far.new; mv far.new far; sleep 97 & wait"]
        )
        other = await link.start(["sleep", "99"])
        far = int(await there(tmp_path / "far"))
        async with asyncio.timeout(30):
            await process.kill()
            assert await process.wait() == 137
        await gone(far)
        assert runs(other.pid)
        other.release()
        await gone(other.pid)


async def test_a_timeout_kills_the_group_and_says_so(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        place = SandboxPlace(link, "sb-1")
        done = await place.run(["sh", "-c", "echo a; sleep 99 & echo $! > pid; wait"], seconds=0.2)
        assert (done.exit_code, done.timed_out, done.stdout) == (137, True, b"a\n")
        await gone(int((tmp_path / "pid").read_text()))


async def test_signals_reach_the_group_and_exit_codes_tell_of_them(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        process = await link.start(["cat"])
        await process.write(b"ready\n")
        async for _lane, data in process.output():
            assert data == b"ready\n"
            await process.signal(signal.SIGINT)
        assert await process.wait() == 128 + signal.SIGINT
        with pytest.raises(ToolError, match="has ended"):
            await process.signal(signal.SIGINT)


async def test_what_an_ended_command_left_running_can_be_killed(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        process = await link.start(["sh", "-c", "setsid sleep 98 & echo $!"], stdin=False)
        far = int(await everything(process))
        assert await process.wait() == 0
        assert runs(far)
        await process.kill()
        await gone(far)


async def test_a_background_child_does_not_hold_up_the_end_and_goes_on(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        started = time.monotonic()
        done = await SandboxPlace(link, "sb-1").run(
            [
                "sh",
                "-c",
                "(while :; do sleep .05; echo x; date > tick; done) & echo $! > pid; echo hi",
            ]
        )
        assert time.monotonic() - started < 20
        assert done.stdout.startswith(b"hi\n")
        pid = int((tmp_path / "pid").read_text())
        (tmp_path / "tick").unlink(missing_ok=True)
        await there(tmp_path / "tick")
        assert runs(pid)
    await gone(pid)


async def test_an_exit_code_and_both_outputs(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        done = await SandboxPlace(link, "sb-1").run(
            ["sh", "-c", "cat; echo no >&2; exit 7"], stdin=b"in"
        )
        assert (done.exit_code, done.stdout, done.stderr) == (7, b"in", b"no\n")


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["no-such-command"], "not_found", "Command not found: 'no-such-command'"),
        (["./plain.txt"], "forbidden", "cannot be run"),
        (["./nonsense"], "invalid_arguments", "is no program"),
        (["a\0b"], "invalid_arguments", "argv"),
        (["echo", "x" * 200_000], "too_large", "too long"),
        ([], "invalid_arguments", "argv"),
    ],
)
async def test_what_cannot_be_started_says_why(
    tmp_path: Path, argv: list[str], code: str, words: str
) -> None:
    (tmp_path / "plain.txt").write_text("x")
    (tmp_path / "nonsense").write_bytes(b"\x7fnonsense")
    (tmp_path / "nonsense").chmod(0o755)
    async with linked(tmp_path) as link:
        with pytest.raises(ToolError, match=words) as error:
            await link.start(argv)
        assert error.value.code == code
        with pytest.raises(ToolError, match="no folder"):
            await link.start(["true"], cwd="nowhere")
        await link.ping()


async def test_a_terminal_has_a_size_and_job_control(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        script = "stty size; echo $TERM; exec cat"
        process = await link.start(["sh", "-c", script], pty=(30, 100))
        await process.write(b"hello\n")
        seen = b""
        async for _lane, data in process.output():
            seen += data
            if seen.count(b"hello\r\n") > 1 and b"^C" not in seen:  # the terminal's and cat's
                seen += b"^C"
                await process.write(b"\x03")
        assert b"30 100\r\n" in seen
        assert b"xterm-256color\r\n" in seen
        assert await process.wait() == 128 + signal.SIGINT


async def test_a_resized_terminal_tells_the_program(tmp_path: Path) -> None:
    script = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep .05; done"
    async with linked(tmp_path) as link:
        process = await link.start(["bash", "-c", script], pty=(24, 80))
        seen = b""
        async for _lane, data in process.output():
            seen += data
            if data.startswith(b"ready"):
                await process.resize(40, 120)
        assert b"40 120" in seen
        pipes = await link.start(["sleep", "9"])
        with pytest.raises(ToolError, match="no terminal"):
            await pipes.resize(1, 1)
        pipes.release()
        with pytest.raises(ToolError, match="1000"):
            await link.start(["sh"], pty=(0, 80))


async def test_the_end_of_input_ends_a_shell_in_a_terminal(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        process = await link.start(["cat"], pty=(24, 80))
        await process.write(b"hi\n")
        await process.close_stdin()
        assert b"hi\r\nhi\r\n" in await everything(process)
        assert await process.wait() == 0


@pytest.fixture
def users_folder() -> Iterator[Path]:
    """A folder of an ordinary user's."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, USER, USER)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0 or not PYTHON, reason="becoming somebody else needs root")
async def test_others_of_the_same_user_cannot_reach_the_channel(users_folder: Path) -> None:
    before = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    async with linked(users_folder, before=before, python=str(PYTHON)) as link:
        assert link.hello.uid == USER
        place = SandboxPlace(link, "sb-1")
        agent = link.hello.pid
        await link.ping()
        for path in ("fd", "fd/0", "mem", "environ"):
            done = await place.run(
                ["sh", "-c", f"ls /proc/{agent}/{path}/ || cat <>/proc/{agent}/{path}"]
            )
            assert done.exit_code != 0, path
            assert b"denied" in done.stderr.lower()
        await place.write("a/b", b"x")
        assert (users_folder / "a" / "b").stat().st_uid == USER
        process = await link.start(["sh", "-c", "setsid sleep 98 & sleep 97"])
        await process.kill()
        assert await process.wait() == 137
        await place.run(["chmod", "0", "a"])
        with pytest.raises(ToolError, match="may not touch") as error:
            await place.read("a/b")
        assert error.value.code == "forbidden"


async def test_programs_that_start_each_other_again_are_all_gone(tmp_path: Path) -> None:
    script = """
import os, sys, time
def guard():
    while True:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            while os.getppid() != 1 and os.getppid() == parent: time.sleep(.001)
            os.execv(sys.executable, [sys.executable, *sys.argv])
        os.waitpid(pid, 0)
parent = os.getpid()
open(f"g{parent}", "w").close()
guard()
"""
    (tmp_path / "guard.py").write_text(script)
    async with linked(tmp_path) as link:
        await link.start([sys.executable, "guard.py"], stdin=False)
        async with asyncio.timeout(30):
            while not list(tmp_path.glob("g[0-9]*")):
                await asyncio.sleep(0.005)
    left = subprocess.run(
        ["pgrep", "-f", "guard.py"], capture_output=True, check=False, cwd=tmp_path
    )
    assert all(Path(f"/proc/{int(pid)}/cwd").resolve() != tmp_path for pid in left.stdout.split())


async def test_a_fork_bomb_is_ended_with_the_channel(tmp_path: Path) -> None:
    bomb = (
        "import os,time\nfor _ in range(7): os.fork()\n"
        "open(f'b{os.getpid()}','w').close()\ntime.sleep(99)"
    )
    async with linked(tmp_path) as link:
        await link.start([sys.executable, "-c", bomb])
        async with asyncio.timeout(30):
            while len(list(tmp_path.iterdir())) < 100:
                await asyncio.sleep(0.01)
        await link.ping()
    for path in tmp_path.iterdir():
        assert not runs(int(path.name[1:]))


# -- links that lead out


LEADING_OUT = {
    "absolute": "/etc",
    "relative": "../outside",
    "through itself": "inside/../../outside",
}


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A workspace beside a folder that nobody may get at."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "passwd").write_text("secret")
    work = tmp_path / "work"
    (work / "inside").mkdir(parents=True)
    (work / "inside" / "passwd").write_text("mine")
    (work / "good").symlink_to("inside")
    (work / "good-file").symlink_to("good/passwd")
    (work / "here").symlink_to(work / "inside")
    (work / "round").symlink_to("round")
    for number, target in enumerate(LEADING_OUT.values()):
        (work / f"bad{number}").symlink_to(target)
        (work / f"bad-file{number}").symlink_to(target + "/passwd")
    return work


@pytest.mark.parametrize("number", range(len(LEADING_OUT)))
async def test_no_link_leads_out(trap: Path, number: int) -> None:
    outside = trap.parent / "outside"
    before = sorted(outside.iterdir())
    async with linked(trap) as link:
        place = SandboxPlace(link, "sb-1")
        folder, file = f"bad{number}", f"bad-file{number}"
        for question in (
            place.read(file),
            place.read(folder + "/passwd"),
            place.list(folder),
            place.stat(folder + "/passwd"),
            place.write(folder + "/new", b"x"),
            place.write(folder + "/passwd", b"x"),
            place.make_folder(folder + "/new"),
            place.delete(folder + "/passwd"),
            place.move("inside/passwd", folder + "/stolen"),
            place.move(folder + "/passwd", "stolen"),
            place.search(folder, Search("secret")),
        ):
            with pytest.raises(ToolError, match="leads out") as error:
                await question
            assert error.value.code == "invalid_arguments"
        found = await place.search("", Search("secret"))
        assert found.matches == ()
        assert (await place.stat(folder)).kind == "symlink"
        await place.delete(folder, recursive=True)
        await place.write(file, b"replaced")
        assert not (trap / file).is_symlink()
    assert sorted(outside.iterdir()) == before
    assert (outside / "passwd").read_text() == "secret"
    assert Path("/etc/passwd").stat().st_size > 8


async def test_links_that_stay_inside_are_read(trap: Path) -> None:
    async with linked(trap) as link:
        place = SandboxPlace(link, "sb-1")
        for path in ("good/passwd", "good-file", "here/passwd"):
            assert await place.read(path) == (b"mine", 4)
        await place.write("good/new", b"x")
        assert (trap / "inside" / "new").read_bytes() == b"x"
        with pytest.raises(ToolError, match="circles"):
            await place.read("round")


@pytest.fixture
def swapping(tmp_path: Path) -> Iterator[Path]:
    """A workspace in which a folder is swapped for a link to another place, again and again."""
    work, outside = tmp_path / "work", tmp_path / "outside"
    (work / "real").mkdir(parents=True)
    outside.mkdir()
    (work / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for before, after in (("real", "kept"), ("link", "real")):
                with contextlib.suppress(OSError):  # a write may just have made the folder anew
                    (work / before).rename(work / after)
            if (work / "real").is_symlink():
                (work / "real").rename(work / "link")
            with contextlib.suppress(OSError):
                (work / "kept").rename(work / "real")

    thread = threading.Thread(target=swap)
    thread.start()
    yield work
    stop.set()
    thread.join()


async def test_a_folder_swapped_for_a_link_meanwhile_lets_nothing_out(swapping: Path) -> None:
    async with linked(swapping) as link:
        place = SandboxPlace(link, "sb-1")
        refused = 0
        for number in range(150):
            try:
                await place.write(f"real/f{number}", b"x")
            except ToolError:
                refused += 1
        assert refused < 150
    assert list((swapping.parent / "outside").iterdir()) == []


# -- searching


@pytest.mark.parametrize(
    ("glob", "fits", "does_not"),
    [
        ("*.py", ["a.py", "x/y/a.py"], ["a.pyc", "py"]),
        ("**/*.py", ["a.py", "x/y/a.py"], ["a.txt"]),
        ("src/*.py", ["src/a.py"], ["src/x/a.py", "a.py", "x/src/a.py"]),
        ("src/**", ["src/a", "src/x/y"], ["a"]),
        ("/top", ["top"], ["topper", "x/top"]),
        ("a?[!b-c].t", ["axd.t"], ["axb.t", "a/d.t"]),
        ("a.[ch]", ["a.c"], ["a.d", "abc"]),
        ("a+(b", ["a+(b"], ["aab"]),
    ],
)
def test_globs(glob: str, fits: list[str], does_not: list[str]) -> None:
    import re

    pattern = re.compile(glob_pattern(glob))
    assert [path for path in fits if not pattern.match(path)] == []
    assert [path for path in does_not if pattern.match(path)] == []


def searching_for(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let agents search for so long."""
    usual, other = b"SEARCH_SECONDS = 10.0", f"SEARCH_SECONDS = {seconds}".encode()
    source = agent_source().replace(usual, other)
    assert source != agent_source()
    for module in ("agent.source", "link.link"):
        name = f"jupyter_mcp.toolsets.sandboxes.{module}.agent_source"
        monkeypatch.setattr(name, lambda: source)


async def test_a_hostile_regular_expression_is_killed_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching_for(monkeypatch, 1000.0)
    (tmp_path / "a").write_text("a" * 40 + "!")
    async with linked(tmp_path) as link:
        place = SandboxPlace(link, "sb-1")
        searching = asyncio.ensure_future(place.search("", Search("(a+)+$", is_regex=True)))
        await link.ping()
        async with asyncio.timeout(30):
            assert (await place.read("a"))[1] == 41
        children = Path(f"/proc/{link.hello.pid}/task/{link.hello.pid}/children")
        assert children.read_text()
        searching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await searching
        await link.ping()
        async with asyncio.timeout(30):
            while children.read_text():
                await asyncio.sleep(0.01)


async def test_a_search_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching_for(monkeypatch, 0.3)
    (tmp_path / "a").write_text("a" * 40 + "!")
    async with linked(tmp_path) as link:
        with pytest.raises(ToolError, match="took more than") as error:
            await SandboxPlace(link, "sb-1").search("", Search("(a+)+$", is_regex=True))
        assert error.value.code == "timeout"
        await link.ping()
