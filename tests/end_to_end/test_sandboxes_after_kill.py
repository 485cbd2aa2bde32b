"""A server that is killed while much runs in its sandboxes, and the next one on the same state."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Any

import psutil

from support.clients_of_ours import person
from support.engine import Engine
from support.server import JupyterServer, wait_until

LEVELS = ("container", "bubblewrap", "landlock")
TIMEOUT = 25.0


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
            seconds=20,
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


def of_label(engine: Engine, *kind: str, label: str) -> list[str]:
    """Return the containers or volumes with a label of ours."""
    words = [*kind, "-q", "--filter", f"label=jupyter-mcp.{label}"]
    return engine.docker(*words).stdout.split()


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
        made |= {
            level: desk.do("sandbox_create", isolation=level, name=f"{level}-1", timeout=TIMEOUT)[
                "sandbox_id"
            ]
            for level in LEVELS
        }
        ours = namespace(engine, made["container"])
        desk.do("sandbox_destroy", sandbox_id=desk.do("sandbox_create")["sandbox_id"])
        for level in LEVELS:
            fill(desk, f"{level}-1", mark)
        members = wait_until(
            lambda: of_members(engine, ours),
            seconds=30,
            what="one waits in the pool",
        )
        assert marked(mark)
        assert desk.kernelspecs()
        for level in LEVELS:
            desk.do("terminal_run", command="true", sandbox_id=f"{level}-1")
        server.kill()
        wait_until(lambda: not marked(mark), seconds=10, what=f"nothing runs {marked(mark)}")
        local = [made["bubblewrap"], made["landlock"]]
        wait_until(lambda: not marked(*local), seconds=10, what="no keeper is left")
        top = engine.docker("top", f"jupyter-mcp-{made['container']}", "-eo", "pid,args").stdout
        assert not any(word in top for word in ("python", "http.server", "bash")), top

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
        wait_until(
            lambda: not set(members) & set(of_members(engine, ours)),
            seconds=20,
            what="members of the pool are swept",
        )
        wait_until(
            lambda: not desk.do("sandbox_list")["sandboxes"],
            seconds=TIMEOUT + 20,
            what="all have expired",
            interval=0.5,
        )
        wait_until(lambda: not desk.kernelspecs(), seconds=10, what="kernelspecs are gone")
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


def of_members(engine: Engine, ours: str) -> list[str]:
    """Return the containers that wait in a pool."""
    more = ("--filter", "label=jupyter-mcp.pool=member")
    return of_label(engine, "ps", "-a", *more, label=f"namespace={ours}")


def nothing_is_left(engine: Engine, home: Path, sandboxes: list[str]) -> None:
    """Assert that sandboxes have left no process, container, volume, mount, folder or cgroup."""
    for sandbox in sandboxes:
        assert of_label(engine, "ps", "-a", label=f"id={sandbox}") == []
        assert of_label(engine, "volume", "ls", label=f"id={sandbox}") == []
        assert marked(sandbox) == []
        assert sandbox not in Path("/proc/mounts").read_text()
        assert not list(Path("/sys/fs/cgroup").glob(f"*/**/*{sandbox}*"))
        assert not list(home.glob(f"data/**/*{sandbox}*"))
