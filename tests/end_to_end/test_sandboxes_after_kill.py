"""A server that is killed while much runs in its sandboxes, and the next one on the same state."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.clients_of_ours import person
from support.engine import Engine
from support.server import JupyterServer, wait_until

LEVELS = ("container", "bubblewrap", "landlock")
TIMEOUT = 45.0
"""Longer than a slow machine needs from the last use, over a kill, to the next server's list."""
WAIT = 60.0


class Desk:
    """A person at a server."""

    def __init__(self, server: JupyterServer) -> None:
        self.server = server

    def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        place = f"jupyter_mcp/api/tools/{tool}"
        answer = self.server.request("POST", place, arguments, person(self.server))
        assert answer.status == 200, answer.body
        result: dict[str, Any] = answer.json()
        assert not result.get("is_error"), result
        found: dict[str, Any] = result["structured"]
        return found

    def kernelspecs(self) -> list[str]:
        found: dict[str, Any] = self.server.request("GET", "api/kernelspecs").json()["kernelspecs"]
        return [name for name in found if name.startswith("jupyter-mcp-")]


def fill(desk: Desk, sandbox: str, mark: str) -> None:
    """Have much run in a sandbox."""
    desk.do("file_write", path="kept.txt", content=f"{sandbox}\n", sandbox_id=sandbox)
    for number in range(2):
        command = f"(setsid sleep 31{number}.{mark} &); exec sleep 30{number}.{mark}"
        desk.do("terminal_run", command=command, sandbox_id=sandbox, background=True)
    opened = desk.do("terminal_open", sandbox_id=sandbox, command=f"sleep 32.{mark}; sleep 33")
    assert opened["is_open"]
    if not sandbox.startswith("landlock"):
        serve = f"exec python3 -m http.server 8000 --bind 127.0.0.1 -d /tmp # {mark}"
        desk.do("terminal_run", command=serve, sandbox_id=sandbox, background=True)
        wait_until(
            lambda: desk.do("port_expose", port=8000, sandbox_id=sandbox)["listens"],
            seconds=WAIT,
            what="the port answers",
        )
    if sandbox.startswith("container"):
        desk.do("sandbox_kernel", sandbox_id=sandbox)


def marked(*marks: str) -> list[str]:
    """Return the command lines of processes that have a mark in them or in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if any(mark in words or mark in str(process.environ()) for mark in marks):
                found.append(words)
    return found


def kill_only(server: JupyterServer) -> None:
    """Kill a server, and none of what it has started."""
    process = psutil.Process(server.pid)
    process.send_signal(signal.SIGKILL)
    dead = psutil.STATUS_ZOMBIE
    wait_until(lambda: process.status() == dead, seconds=WAIT, what="the server is dead")
    server.kill()  # takes leave of it


def until_none(left: Callable[[], Collection[Any]], what: str, seconds: float = WAIT) -> None:
    """Wait until nothing is left of something, or tell what is."""
    seen: list[Any] = []

    def is_over() -> bool:
        seen[:] = left()
        return not seen

    try:
        wait_until(is_over, seconds=seconds, what=f"nothing {what}", interval=0.2)
    except TimeoutError as error:
        raise AssertionError(f"{error}: {seen}") from None


def programs_in(engine: Engine, sandbox: str) -> list[str]:
    """Return what runs in a container besides its first processes, which only wait."""
    told = engine.docker("top", f"jupyter-mcp-{sandbox}", "-eo", "pid,args").stdout
    words = ("python", "http.server", "bash")
    return [line for line in told.splitlines() if any(word in line for word in words)]


def paths_with(word: str, folder: Path) -> list[str]:
    """Return what has a word in its name: others' folders may vanish while they are read."""
    return [
        os.path.join(top, name)  # noqa: PTH118 - names are all that is needed
        for top, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if word in name
    ]


def of_label(engine: Engine, *kind: str, label: str) -> list[str]:
    """Return the containers or volumes with a label of ours."""
    words = [*kind, "-q", "--filter", f"label=jupyter-mcp.{label}"]
    return engine.docker(*words).stdout.split()


@pytest.mark.timeout(420)
def test_nothing_runs_after_kill_9_and_the_next_server_goes_on(
    tmp_path: Path, engine: Engine
) -> None:
    mark = str(secrets.randbelow(10**9) + 10**9)
    settings = {
        "docker_url": engine.url,
        "sandbox_pool": 1,
        "sandbox_min_isolation": "process",
        "sandbox_backends": ["docker", "bubblewrap", "landlock"],
    }
    made: dict[str, str] = {}
    server = JupyterServer(tmp_path, collaboration=False, config={"JupyterMCP": settings})
    server.start()
    try:
        desk = Desk(server)
        for level in LEVELS:
            name = f"{level}-1"
            created = desk.do("sandbox_create", isolation=level, name=name, timeout=TIMEOUT)
            made[level] = created["sandbox_id"]
            fill(desk, name, mark)
        ours = namespace(engine, made["container"])
        desk.do("sandbox_destroy", sandbox_id=desk.do("sandbox_create")["sandbox_id"])
        members = wait_until(
            lambda: of_members(engine, ours, "--filter", "status=paused"),
            seconds=WAIT,
            what="one waits in the pool",
        )
        assert marked(mark)
        assert desk.kernelspecs()
        for level in LEVELS:
            desk.do("terminal_run", command="true", sandbox_id=f"{level}-1")
        kill_only(server)
        until_none(lambda: marked(mark), "runs")
        until_none(lambda: marked(made["bubblewrap"], made["landlock"]), "is a keeper's")
        until_none(lambda: programs_in(engine, made["container"]), "runs in the container")

        server.start()
        listed = {each["sandbox_id"]: each for each in desk.do("sandbox_list")["sandboxes"]}
        assert {each: listed[each]["status"] for each in made.values()} == dict.fromkeys(
            made.values(), "detached"
        )
        for level in LEVELS:
            ran = desk.do("terminal_run", command="cat kept.txt", sandbox_id=f"{level}-1")
            assert ran["stdout"] == f"{level}-1\n"
            told = desk.do("sandbox_get", sandbox_id=f"{level}-1")
            assert told["reattached"]
        until_none(lambda: set(members) & set(of_members(engine, ours)), "waits in a pool")
        until_none(lambda: desk.do("sandbox_list")["sandboxes"], "is used", TIMEOUT + WAIT)
        until_none(desk.kernelspecs, "is a kernelspec of a sandbox")
        nothing_is_left(engine, tmp_path, list(made.values()))
    finally:
        server.stop(check=False)
        for sandbox in made.values():
            engine.docker("rm", "-f", f"jupyter-mcp-{sandbox}", check=False)
            engine.docker("volume", "rm", f"jupyter-mcp-{sandbox}", check=False)


def namespace(engine: Engine, sandbox: str) -> str:
    """Return which servers a container belongs to."""
    label = '{{index .Config.Labels "jupyter-mcp.namespace"}}'
    return engine.docker("inspect", "-f", label, f"jupyter-mcp-{sandbox}").stdout.strip()


def of_members(engine: Engine, ours: str, *filters: str) -> list[str]:
    """Return the containers of a pool: those that wait there are paused."""
    more = ("--filter", "label=jupyter-mcp.pool=member", *filters)
    return of_label(engine, "ps", "-a", *more, label=f"namespace={ours}")


def nothing_is_left(engine: Engine, home: Path, sandboxes: list[str]) -> None:
    """Assert that sandboxes have left no process, container, volume, mount, folder or cgroup."""
    for sandbox in sandboxes:
        assert of_label(engine, "ps", "-a", label=f"id={sandbox}") == []
        assert of_label(engine, "volume", "ls", label=f"id={sandbox}") == []
        assert marked(sandbox) == []
        assert sandbox not in Path("/proc/mounts").read_text()
        assert paths_with(sandbox, Path("/sys/fs/cgroup")) == []
        assert paths_with(sandbox, home / "data") == []
