"""The kernel's side of the views of workflows: what it asks the server, and what it refuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.widgets.workflow_editor import WorkflowEditor
from jupyter_mcp.widgets.workflow_view import WorkflowView


class Server:
    """Answers as a server with runs that go on."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.status = "running"
        self.failure: ToolError | None = None
        self.missing = ""
        self.news = threading.Condition()

    def call(self, tool: str, /, **given: Any) -> CallResult:
        with self.news:
            self.asked.append((tool, given))
            self.news.notify_all()
        if self.failure is not None:
            raise self.failure
        if self.missing and given.get("node") == self.missing:
            raise ToolError("not_found", "There is no such node.", "Ask for another.")
        run = given.get("workflow_id", "wf-1")
        if tool in {"workflow_retry", "workflow_start"}:
            run = "wf-2"
        value = {"workflow_id": run, "name": "sales", "status": self.status, "nodes": []}
        return CallResult(tool, structured=value)

    def wait(self, tool: str, **given: Any) -> None:
        """Wait until somebody asks so."""
        with self.news:
            assert self.news.wait_for(lambda: (tool, given) in self.asked, 30), self.asked


Sent = list[Mapping[str, Any]]


def told(sent: Sent, kind: str, fits: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
    """Wait for a message of a kind to the views."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for message in list(sent):
            if message["kind"] == kind and fits(message):
                return message
        time.sleep(0.01)
    raise TimeoutError(sent)


def answers(number: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what knows the answer to a call."""
    return lambda message: message["id"] == number


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    messages: Sent = []
    monkeypatch.setattr(WorkflowView, "send", lambda _, message, __=None: messages.append(message))
    return messages


@pytest.fixture
def view(server: Server, sent: Sent) -> Iterator[WorkflowView]:
    del sent
    made = WorkflowView(server, "wf-1")
    yield made
    made.close()


def click(view: WorkflowView, **message: Any) -> None:
    """Let a view say something."""
    view._receive(view, message, [])


def test_a_view_gets_the_run_when_it_opens(view: WorkflowView, sent: Sent) -> None:
    click(view, kind="ready")
    message = told(sent, "run", lambda _: True)
    assert message["run"]["workflow_id"] == "wf-1"
    assert view.status == repr(view) == "workflow sales: running"


def test_a_node_that_is_open_is_asked_for_whole(view: WorkflowView, server: Server) -> None:
    click(view, kind="open", node="load")
    server.wait("workflow_get", workflow_id="wf-1", node="load")


def test_what_is_clicked_is_called_for_this_run_only(
    view: WorkflowView, server: Server, sent: Sent
) -> None:
    given = {"node": "ask", "approved": True, "workflow_id": "wf-9"}
    click(view, kind="call", id="1", tool="workflow_answer", arguments=given)
    assert told(sent, "answer", lambda each: each["id"] == "1")["error"] == ""
    server.wait("workflow_answer", node="ask", approved=True, workflow_id="wf-1")


def test_a_retry_is_followed(view: WorkflowView, server: Server, sent: Sent) -> None:
    server.status = "failed"
    click(view, kind="ready")
    told(sent, "run", lambda each: each["run"]["status"] == "failed")
    click(view, kind="call", id="1", tool="workflow_retry", arguments={})
    told(sent, "run", lambda each: each["run"]["workflow_id"] == "wf-2")
    assert view.workflow_id == "wf-2"


@pytest.mark.parametrize("tool", ["workflow_delete", "file_write", "save", None, ["x"]])
def test_no_other_tool_is_called(
    view: WorkflowView, server: Server, sent: Sent, tool: object
) -> None:
    click(view, kind="call", id="1", tool=tool, arguments={"path": "a"})
    assert "does not call" in told(sent, "answer", lambda _: True)["error"]
    assert {name for name, _ in server.asked} == {"workflow_get"}


def test_a_server_that_is_away_is_told_and_waited_for(
    view: WorkflowView, server: Server, sent: Sent
) -> None:
    server.failure = ToolError("unavailable", "The server is away.", "Start it.")
    click(view, kind="ready")
    assert "away" in told(sent, "failure", lambda _: True)["text"]
    assert view.status.startswith("workflow sales: no news since ")
    server.failure = None
    told(sent, "same", lambda _: True)  # nothing has changed, and the view hears it
    assert view.status == "workflow sales: running"


def test_a_run_that_is_not_kept_any_longer_is_asked_for_no_more(
    view: WorkflowView, server: Server, sent: Sent
) -> None:
    server.failure = ToolError("not_found", "There is no workflow 'wf-1'.", "Ask for another.")
    click(view, kind="ready")
    assert "There is no workflow" in told(sent, "failure", lambda _: True)["text"]
    assert view.status == "workflow sales: gone"
    asked = len(server.asked)
    time.sleep(1.2)  # two rounds
    assert len(server.asked) == asked


def test_a_node_that_a_retry_does_not_have_yet_hides_no_news(
    view: WorkflowView, server: Server, sent: Sent
) -> None:
    server.missing = "each[0]"
    click(view, kind="open", node="each[0]")
    assert told(sent, "run", lambda _: True)["run"]["workflow_id"] == "wf-1"
    server.wait("workflow_get", workflow_id="wf-1", node="each[0]")


def test_views_hear_that_a_run_is_as_before(view: WorkflowView, sent: Sent) -> None:
    click(view, kind="ready")
    told(sent, "run", lambda _: True)
    told(sent, "same", lambda _: True)


def test_nobody_asks_for_a_run_that_has_ended(view: WorkflowView, server: Server) -> None:
    server.status = "succeeded"
    click(view, kind="ready")
    server.wait("workflow_get", workflow_id="wf-1")
    time.sleep(1.2)  # two rounds
    assert len(server.asked) <= 3


def test_an_editor_checks_starts_and_saves(server: Server, sent: Sent, tmp_path: Path) -> None:
    file = tmp_path / "sums.yaml"
    editor = WorkflowEditor(server, file=file)
    try:
        click(editor, kind="ready")
        opened = told(sent, "open", lambda _: True)
        assert opened["schema"]["$defs"]["ActionNode"]
        assert server.asked == []
        click(editor, kind="call", id="1", tool="save", arguments={"text": "name: größer\n"})
        told(sent, "answer", lambda each: each["id"] == "1")
        assert file.read_text(encoding="utf-8") == editor.text == "name: größer\n"
        click(editor, kind="call", id="2", tool="workflow_check", arguments={"spec": "a: 1"})
        server.wait("workflow_check", spec="a: 1")
        click(editor, kind="call", id="3", tool="workflow_start", arguments={"spec": "a: 1"})
        told(sent, "run", lambda each: each["run"]["workflow_id"] == "wf-2")
    finally:
        editor.close()


def test_an_editor_writes_over_nothing_unasked(server: Server, sent: Sent, tmp_path: Path) -> None:
    file = tmp_path / "sums.yaml"
    file.write_text("name: mine\n")
    editor = WorkflowEditor(server, "name: mine\n", file)
    try:
        click(editor, kind="ready")
        assert told(sent, "open", lambda _: True)["saved"] == "name: mine\n"
        file.write_text("name: theirs\n")
        for number, refused in (("1", "changed by somebody else"), ("2", "")):
            click(editor, kind="call", id=number, tool="save", arguments={"text": "name: new\n"})
            answer = told(sent, "answer", answers(number))
            assert refused in answer["error"]
            assert (file.read_text() == "name: new\n") is not bool(refused)
    finally:
        editor.close()
