"""The stop button and approvals in a notebook: the person by key, everybody else by token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.error import UsageError

from jupyter_mcp.ipython.trust_words import order
from jupyter_mcp.ipython.words import split
from support.people import Person
from support.server import JupyterServer, wait_until
from support.sessions import Session, session


def page_of(own_server: JupyterServer, folder: Path, runtime: Path) -> Iterator[Session]:
    """A notebook whose kernel sees the runtime files in `runtime`."""
    env = {
        "JUPYTER_MCP_URL": f"{own_server.url}?toolsets=all",
        "JUPYTER_MCP_TOKEN": own_server.token,
        "JUPYTER_RUNTIME_DIR": str(runtime),
    }
    with session(folder, env) as running:
        assert running.run("%load_ext jupyter_mcp").status == "ok"
        yield running


@pytest.fixture(scope="module")
def page(own_server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A notebook on the server's machine."""
    yield from page_of(own_server, tmp_path_factory.mktemp("page"), own_server.home / "runtime")


@pytest.fixture(scope="module")
def far(own_server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A notebook on another machine, which has the token and not the key."""
    folder = tmp_path_factory.mktemp("far")
    yield from page_of(own_server, folder, folder)


def test_pause_and_resume(own_server: JupyterServer, page: Session) -> None:
    assert "All agents paused; 0 cancelled." in page.run("%mcp pause").plain
    stopped = page.run("%mcp probe_echo text=hi")
    assert stopped.error["traceback"][0].startswith("paused: Agents were paused by")
    shown = page.run("%mcp agents").plain
    assert "Agents: paused" in shown
    assert "probe_echo" in shown
    assert "All agents may go on." in page.run("%mcp resume").plain
    assert page.run("%mcp probe_echo text=hi").plain == "hi"
    assert "client:cursor read-only" in page.run("%mcp pause --read-only cursor").plain
    assert Person(own_server).status()["agents"]["mode"] == "running"
    page.run("%mcp resume")


def test_the_form_reads_well_and_counts(page: Session) -> None:
    run = page.run("%mcp probe_edit", answers=("once",))
    assert run.status == "ok", run
    refused = page.run("%mcp probe_edit", answers=("no",))
    assert "did not allow 'probe_edit'" in refused.error["traceback"][0]
    by_default = page.run("%mcp probe_edit", answers=("",))
    assert by_default.error["traceback"][0].startswith("denied: ")


def test_another_notebook_approves(own_server: JupyterServer, page: Session, far: Session) -> None:
    assert "No call waits" in page.run("%mcp approvals").plain
    request = far.start("%mcp probe_edit")
    question = wait_until(Person(own_server).waiting, seconds=20, what="a question")[0]
    listed = page.run("%mcp approvals").plain
    assert question["id"] in listed
    assert "probe_edit" in listed
    assert "probe_edit approved (once)." in page.run(f"%mcp approve {question['id']}").plain
    assert far.finish(request).status == "ok"


def test_without_the_key_the_token_is_refused_in_a_line(
    own_server: JupyterServer, far: Session
) -> None:
    assert "All agents paused" in far.run("%mcp pause").plain
    for line in ("resume", "approvals", "approve a1b2c3"):
        (shown,) = far.run(f"%mcp {line}").error["traceback"]
        assert shown.split(":")[0] in ("forbidden", "paused")
    Person(own_server).call("agents_resume")
    (shown,) = far.run("%mcp approve a1b2c3").error["traceback"]
    assert shown.startswith("forbidden: ")


def test_words_are_completed(page: Session) -> None:
    assert page.complete("%mcp pau") == ["%mcp pause"]
    assert {"%mcp approvals", "%mcp approve"} <= set(page.complete("%mcp approv"))


@pytest.mark.parametrize(
    ("line", "tool", "arguments"),
    [
        ("pause", "agents_pause", {"target": "*", "mode": "paused"}),
        (
            "pause --read-only Claude Code",
            "agents_pause",
            {"target": "Claude Code", "mode": "read_only"},
        ),
        ("resume", "agents_resume", {"target": "*"}),
        ("approve a1", "approval_answer", {"approval_id": "a1", "answer": "once"}),
        ("approve a1 --always", "approval_answer", {"approval_id": "a1", "answer": "always"}),
        ("deny a1", "approval_answer", {"approval_id": "a1", "answer": "deny"}),
    ],
)
def test_a_line_becomes_a_call(line: str, tool: str, arguments: dict[str, str]) -> None:
    first, *rest = split(line)
    asked = order(first.value, rest)
    assert (asked.tool, asked.arguments) == (tool, arguments)


@pytest.mark.parametrize(
    "line",
    ["pause --all", "approve", "approve a b", "approve a --session --always", "deny", "agents x"],
)
def test_what_nobody_understands_stops_nobody(line: str) -> None:
    first, *rest = split(line)
    with pytest.raises(UsageError, match="Write %mcp"):
        order(first.value, rest)
