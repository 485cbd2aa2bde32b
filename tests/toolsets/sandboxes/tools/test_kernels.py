"""Kernels in sandboxes, on a real Jupyter server and a real engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.clients_of_ours import person
from support.notebooks import code, write_notebook
from support.server import JupyterServer, wait_until

if TYPE_CHECKING:
    from support.engine import Engine

SLEEPS = "import time\nprint('on')\nopen('/workspace/begun', 'w').close()\ntime.sleep(60)"


class Desk:
    """A person at a server with sandboxes."""

    def __init__(self, server: JupyterServer) -> None:
        self.server = server

    def call(self, tool: str, **arguments: Any) -> Any:
        place = f"jupyter_mcp/api/tools/{tool}"
        return self.server.request("POST", place, arguments, person(self.server))

    def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = self.call(tool, **arguments)
        assert answer.status == 200, answer.body
        result: dict[str, Any] = answer.json()
        assert not result.get("is_error"), result
        structured: dict[str, Any] = result["structured"]
        return structured

    def error(self, tool: str, **arguments: Any) -> str:
        answer = self.call(tool, **arguments)
        assert answer.status != 200 or answer.json().get("is_error"), answer.body
        return answer.body.decode()

    def run(self, kernel: str, source: str, **more: Any) -> dict[str, Any]:
        answer = self.call("kernel_execute", kernel_id=kernel, code=source, **more)
        result: dict[str, Any] = answer.json()
        return result.get("structured") or {"status": "refused", "text": "", **result}

    def wait_for_sleep(self, sandbox: str) -> None:
        """Wait until `SLEEPS` sleeps in a sandbox."""
        wait_until(
            lambda: (
                self.do("terminal_run", command="rm begun", sandbox_id=sandbox)["exit_code"] == 0
            ),
            seconds=30,
            what="the code runs",
        )

    def specs(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.request("GET", "api/kernelspecs").json()["kernelspecs"]
        return {name: each for name, each in found.items() if name.startswith("jupyter-mcp-")}

    def kernels(self) -> list[str]:
        return [each["id"] for each in self.server.request("GET", "api/kernels").json()]


@pytest.fixture(scope="module")
def desk(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving(engine, tmp_path_factory.mktemp("kernels")) as desk:
        yield desk
        for each in desk.do("sandbox_list")["sandboxes"]:
            desk.do("sandbox_destroy", sandbox_id=each["sandbox_id"])


@contextmanager
def serving(engine: Engine, home: Path) -> Iterator[Desk]:
    """Start a server with sandboxes; its state is in its home."""
    settings = {"docker_url": engine.url, "sandbox_pool": 0, "sandbox_min_isolation": "process"}
    config = {"JupyterMCP": settings}
    host = {"OF_THE_HOST": "secret"}
    with JupyterServer(home, collaboration=False, config=config, env=host) as running:
        yield Desk(running)
        assert "bridge to port" not in running.log  # nothing fails there that nobody would see


@pytest.fixture(scope="module")
def sandbox(desk: Desk, engine: Engine) -> str:
    return str(desk.do("sandbox_create", image=engine.image, name="lab")["sandbox_id"])


@pytest.fixture(scope="module")
def kernel(desk: Desk, sandbox: str) -> dict[str, Any]:
    return desk.do("sandbox_kernel", sandbox_id=sandbox, name="My container")


def test_code_runs_inside_as_the_sandboxs_user(
    desk: Desk, kernel: dict[str, Any], sandbox: str
) -> None:
    told = desk.run(
        kernel["kernel_id"],
        "import os, socket, sys\nprint(os.getuid(), os.getcwd(), socket.gethostname())\n"
        "print([name for name in os.environ if name.startswith(('JUPYTER_D', 'JPY_', 'OF_THE_'))])",
    )
    assert told["status"] == "ok"
    first, second = told["text"].splitlines()
    uid, folder, host = first.split()
    assert (uid, folder) == ("1000", "/workspace")
    inside = desk.do("terminal_run", command="hostname", sandbox_id=sandbox)
    assert host == inside["stdout"].strip()
    assert second == "[]"


def test_people_find_it_in_the_launcher(desk: Desk, kernel: dict[str, Any], sandbox: str) -> None:
    spec = desk.specs()[kernel["kernel_name"]]["spec"]
    assert spec["display_name"] == "My container"
    assert kernel["sandbox_id"] == sandbox
    assert kernel["isolation"] == "container"


def test_a_notebook_runs_in_the_container(desk: Desk, kernel: dict[str, Any]) -> None:
    file = write_notebook(
        desk.server.root / "inside.ipynb", code("import os; print('uid', os.getuid())", "a")
    )
    started = desk.do("kernel_start", path=file.name, name=kernel["kernel_name"])
    assert started["kernel_id"] != kernel["kernel_id"]
    ran = desk.do("cell_run", path=file.name)
    assert ran["kernel_id"] == started["kernel_id"]
    assert "uid 1000" in ran["cells"][0]["text"]
    assert "uid 1000" in json.dumps(json.loads(Path(file).read_text())["cells"][0]["outputs"])
    desk.do("kernel_stop", kernel_id=started["kernel_id"])


def test_an_interrupt_ends_what_runs(desk: Desk, kernel: dict[str, Any], sandbox: str) -> None:
    told: dict[str, Any] = {}
    running = threading.Thread(target=lambda: told.update(desk.run(kernel["kernel_id"], SLEEPS)))
    running.start()
    desk.wait_for_sleep(sandbox)
    desk.do("kernel_interrupt", kernel_id=kernel["kernel_id"])
    running.join(30)
    assert told["error"]["ename"] == "KeyboardInterrupt"
    assert "on" in told["text"]


def test_much_output_arrives_whole(desk: Desk, kernel: dict[str, Any]) -> None:
    told = desk.run(
        kernel["kernel_id"],
        "data = 'x' * 3_000_000\nprint(data[:10], len(data))\nfrom IPython.display import display\n"
        "display({'application/x-test': data}, raw=True)\nprint('end')",
    )
    assert told["status"] == "ok"
    assert "3000000" in told["text"]
    assert "end" in told["text"]


def test_a_restart_forgets_variables_and_stays_inside(desk: Desk, kernel: dict[str, Any]) -> None:
    assert desk.run(kernel["kernel_id"], "kept = 1")["status"] == "ok"
    desk.do("kernel_restart", kernel_id=kernel["kernel_id"])
    told = desk.run(kernel["kernel_id"], "import os; print('kept' in dir(), os.getuid())")
    assert told["text"].strip() == "False 1000"


def test_a_kernel_that_dies_is_started_anew_by_jupyter(desk: Desk, kernel: dict[str, Any]) -> None:
    told = desk.run(kernel["kernel_id"], "import os; os._exit(7)")
    assert told["status"] == "dead"
    wait_until(
        lambda: desk.run(kernel["kernel_id"], "print(40 + 2)").get("text", "").strip() == "42",
        seconds=30,
        what="the kernel is back",
    )


def test_no_secret_of_the_kernel_can_be_read_in_the_container(
    desk: Desk, kernel: dict[str, Any], sandbox: str
) -> None:
    files = (desk.server.home / "runtime").glob(f"kernel-{kernel['kernel_id']}.json")
    key = json.loads(next(files).read_text())["key"]
    told = desk.do(
        "terminal_run",
        command="cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'",
        sandbox_id=sandbox,
    )
    assert "ipykernel" in told["stdout"]
    assert key not in told["stdout"]
    spec = json.dumps(desk.specs())
    assert key not in spec


def test_no_port_of_the_host_leads_to_it(desk: Desk, kernel: dict[str, Any]) -> None:
    files = (desk.server.home / "runtime").glob(f"kernel-{kernel['kernel_id']}.json")
    connection = json.loads(next(files).read_text())
    assert connection["transport"] == "ipc"
    folder = Path(connection["ip"]).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list(folder.iterdir())) == 5


def test_where_the_loopback_is_shared_it_is_refused(desk: Desk) -> None:
    made = desk.do("sandbox_create", isolation="process")
    try:
        assert "isolation='bubblewrap'" in desk.error(
            "sandbox_kernel", sandbox_id=made["sandbox_id"]
        )
    finally:
        desk.do("sandbox_destroy", sandbox_id=made["sandbox_id"])


def test_an_image_without_ipykernel_is_told_with_the_remedy(desk: Desk) -> None:
    made = desk.do("sandbox_create", image="jupyter-mcp/base")
    try:
        told = desk.error("sandbox_kernel", sandbox_id=made["sandbox_id"])
        assert "no ipykernel" in told
        assert "jupyter-mcp/dev" in told
        assert all(made["sandbox_id"] not in name for name in desk.specs())
    finally:
        desk.do("sandbox_destroy", sandbox_id=made["sandbox_id"])


def test_without_an_engine_bubblewrap_has_kernels_too(desk: Desk) -> None:
    made = desk.do("sandbox_create", isolation="bubblewrap")
    try:
        kernel = desk.do("sandbox_kernel", sandbox_id=made["sandbox_id"])
        told = desk.run(kernel["kernel_id"], "import os; print(os.getcwd(), os.listdir('/proc'))")
        assert told["text"].startswith("/workspace")
        assert str(desk.server.pid) not in told["text"].split()
    finally:
        desk.do("sandbox_destroy", sandbox_id=made["sandbox_id"])


def test_a_sandbox_that_is_not_there_is_told(desk: Desk) -> None:
    assert "not_found" in desk.error("sandbox_kernel", sandbox_id="sb-000000000000")
    assert all("sb-000000000000" not in name for name in desk.specs())


def test_what_ends_the_sandbox_ends_its_kernels(
    desk: Desk, engine: Engine, kernel: dict[str, Any]
) -> None:
    made = desk.do("sandbox_create", image=engine.image)
    started = desk.do("sandbox_kernel", sandbox_id=made["sandbox_id"])
    connection = desk.server.home / "runtime" / f"kernel-{started['kernel_id']}.json"
    folder = Path(json.loads(connection.read_text())["ip"]).parent
    told: dict[str, Any] = {}

    running = threading.Thread(target=lambda: told.update(desk.run(started["kernel_id"], SLEEPS)))
    running.start()
    desk.wait_for_sleep(made["sandbox_id"])
    desk.do("sandbox_destroy", sandbox_id=made["sandbox_id"])
    running.join(30)
    assert told.get("status") == "dead", told
    wait_until(
        lambda: (
            started["kernel_id"] not in desk.kernels()
            and started["kernel_name"] not in desk.specs()
        ),
        seconds=30,
        what="Jupyter has forgotten the kernel",
    )
    # Jupyter forgets a kernel before it has cleaned up after it.
    wait_until(
        lambda: not folder.exists() and not connection.exists(),
        seconds=30,
        what="nothing is left of the kernel",
    )
    assert kernel["kernel_id"] in desk.kernels()


def test_the_launcher_starts_a_kernel_in_a_sandbox_that_outlived_the_server(
    engine: Engine, tmp_path: Path
) -> None:
    with serving(engine, tmp_path) as desk:
        sandbox = desk.do("sandbox_create", image=engine.image)["sandbox_id"]
        first = desk.do("sandbox_kernel", sandbox_id=sandbox)
        assert desk.run(first["kernel_id"], "open('kept', 'w').write('x')")["status"] == "ok"
    with serving(engine, tmp_path) as desk:
        assert list(desk.specs()) == [first["kernel_name"]]
        # A person picks it, before anybody has asked for anything of ours.
        answer = desk.server.request("POST", "api/kernels", {"name": first["kernel_name"]})
        assert answer.status == 201, answer.body
        told = desk.run(answer.json()["id"], "import os; print(os.getuid(), os.listdir('.'))")
        assert told["text"].strip() == "1000 ['kept']"
    whose = ("--filter", f"label=jupyter-mcp.id={sandbox}")
    engine.docker("rm", "--force", *engine.docker("ps", "-aq", *whose).stdout.split())
    # A workspace that is left would be a sandbox that its engine lost, and that can be revived.
    engine.docker("volume", "rm", *engine.docker("volume", "ls", "-q", *whose).stdout.split())
    with serving(engine, tmp_path) as desk:
        assert desk.do("sandbox_list")["sandboxes"] == []
        wait_until(lambda: not desk.specs(), seconds=30, what="the kernelspec is swept")
