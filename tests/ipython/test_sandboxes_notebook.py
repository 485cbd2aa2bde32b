"""The notebook on sandboxes, on a machine with an engine and on one without.

A person sits beside and says yes where they are asked: before something leaves the sandbox.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp import Client
from support.clients_of_ours import ask
from support.git_server import git
from support.people import Person
from support.server import JupyterServer, wait_until

pytestmark = pytest.mark.timeout(180)

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "sandboxes.ipynb"


@pytest.fixture(params=["container", "bubblewrap"])
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ran(
    level: str, request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[JupyterServer, dict[str, str]]:
    """Run the notebook and return what its cells say."""
    options: dict[str, Any] = {"sandbox_pool": 0, "sandbox_backends": ["bubblewrap"]}
    if level == "container":
        request.getfixturevalue("desktop_image")
        options["sandbox_backends"] = ["docker", "bubblewrap"]
        options["docker_url"] = request.getfixturevalue("engine").url
    with JupyterServer(tmp_path, collaboration=False, config={"JupyterMCP": options}) as server:
        shutil.copyfile(NOTEBOOK, server.root / NOTEBOOK.name)
        try:
            run(server)
        finally:
            for each in ask(server, "sandbox_list")["sandboxes"]:
                ask(server, "sandbox_destroy", sandbox_id=each["sandbox_id"])
        cells = json.loads((server.root / NOTEBOOK.name).read_text())["cells"]
        return server, {each["id"]: said_by(each) for each in cells if "outputs" in each}


def run(server: JupyterServer) -> None:
    """Run the notebook, and approve what is asked meanwhile."""
    person = Person(server)
    with ThreadPoolExecutor(1) as threads, Client(server.url, server.token) as client:
        running = threads.submit(client.call, "cell_run", path=NOTEBOOK.name)
        asked = []
        while not running.done():
            found = wait_until(
                lambda: running.done() or person.waiting(), seconds=120, what="the notebook runs"
            )
            for question in [] if found is True else found:
                asked.append(question["tool"])
                person.answer(question["id"], "once")
        result = running.result()
    assert not result.is_error, result.text
    assert set(asked) <= {"git_session_apply", "sandbox_create"}
    assert "git_session_apply" in asked


def said_by(cell: dict[str, Any]) -> str:
    said = ""
    for output in cell["outputs"]:
        said += "".join(output.get("text", ""))
        said += "".join(output.get("data", {}).get("text/plain", ""))
    return said


def test_the_notebook_runs(level: str, ran: tuple[JupyterServer, dict[str, str]]) -> None:
    server, said = ran
    assert level in said["new"]
    assert "/workspace" in said["look"]
    assert "no network" in said["network"]
    assert "AssertionError: 7 != 12" in said["fails"]
    assert "OK" in said["passes"]
    assert "+    return width * height" in said["diff"]
    assert "width + height" in said["before"]
    assert "width * height" in said["after"]
    assert "/ports/8000/" in said["serve"]
    assert said["reached"] == "200\n"
    assert "lab" in said["list"]
    assert "Destroyed sandbox lab" in said["remove"]
    assert git(server.root / "sandbox-project", "log", "--format=%s", "--no-merges") == (
        "Areas are products\nfirst"
    )
    if level == "container":
        assert "42 in /workspace" in said["kernel"]
        assert "'42'" in said["desktop"]
    else:
        assert "There are no containers here." in said["desktop"]
