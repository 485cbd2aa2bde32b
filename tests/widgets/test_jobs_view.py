"""The kernel's side of the view of jobs: what it asks the server, and what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.job_words import job_table
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.widgets.jobs_view import JobsView
from jupyter_mcp.widgets.live_view import SOON, STILL

JOB = {"job_id": "job-1", "title": "<work>", "status": "running", "seconds": 3.0}


class Server:
    """Answers as a server with one job."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failure: ToolError | None = None
        self.gone: ToolError | None = None

    def call(self, tool: str, /, **given: Any) -> CallResult:
        self.asked.append((tool, given))
        if self.failure is not None:
            raise self.failure
        if tool == "job_list":
            return CallResult(tool, structured={"jobs": [JOB]})
        if self.gone is not None:
            raise self.gone
        texts = ["job-1: running (work)", "It asks: Who?"]
        content = [{"type": "text", "text": text} for text in texts]
        return CallResult(tool, content=content, structured={**JOB, "log": "so far"})


class Sent:
    """The messages to the views."""

    def __init__(self) -> None:
        self._messages: list[Mapping[str, Any]] = []
        self._news = threading.Condition()

    def add(self, message: Mapping[str, Any]) -> None:
        with self._news:
            self._messages.append(message)
            self._news.notify_all()

    def forget(self) -> None:
        """Forget what was sent."""
        with self._news:
            self._messages.clear()

    def wait(self, fits: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        """Wait for a message."""
        with self._news:
            assert self._news.wait_for(lambda: any(map(fits, self._messages)), 10), self._messages
            return next(filter(fits, self._messages))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    made = Sent()
    monkeypatch.setattr(JobsView, "send", lambda _, message, __=None: made.add(message))
    return made


@pytest.fixture
def view(server: Server, sent: Sent) -> Iterator[JobsView]:
    del sent
    made = JobsView(server, 10, job_table)
    yield made
    made.close()


def say(view: JobsView, **message: Any) -> None:
    """Let a view say something."""
    view._receive(view, message, [])


def test_an_opened_job_is_told_whole(view: JobsView, server: Server, sent: Sent) -> None:
    say(view, kind="ready")
    sent.wait(lambda each: each["kind"] == "jobs" and each["opened"] is None)
    assert ("job_list", {"limit": 10}) in server.asked
    say(view, kind="open", node="job-1")
    told = sent.wait(lambda each: each["kind"] == "jobs" and each["opened"] is not None)
    assert told["opened"] == {**JOB, "log": "so far", "told": "It asks: Who?"}


def test_a_view_that_comes_while_another_is_told_gets_all_too(
    view: JobsView, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Mapping[str, Any]] = []
    is_told_again = threading.Event()

    def send(_: JobsView, message: Mapping[str, Any], __: Any = None) -> None:
        if message["kind"] == "jobs":
            told.append(message)
            if len(told) == 1:
                say(view, kind="ready")
            else:
                is_told_again.set()

    monkeypatch.setattr(JobsView, "send", send)
    say(view, kind="ready")
    assert is_told_again.wait(30)
    assert told[0] == told[1]


def test_what_stays_as_it_is_is_looked_at_less_often(view: JobsView, sent: Sent) -> None:
    waits: list[float] = []
    is_slow = threading.Event()

    class Hurry(threading.Event):
        """Waits for nobody, and tells for how long it would have."""

        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            if timeout == STILL:
                is_slow.set()
                return super().wait()
            return super().wait(0)

    old, view._news = view._news, Hurry()
    say(view, kind="ready")
    old.set()
    sent.wait(lambda each: each["kind"] == "jobs")
    assert is_slow.wait(30)
    times = waits[waits.index(SOON) :]
    assert times == sorted(times)


def test_jobs_are_cancelled_and_nothing_else(view: JobsView, server: Server, sent: Sent) -> None:
    say(view, kind="call", id="1", tool="job_delete", arguments={"job_id": "job-1"})
    assert "does not call" in sent.wait(lambda each: each.get("id") == "1")["error"]
    say(view, kind="call", id="2", tool="job_cancel", arguments={"job_id": "job-1", "x": 1})
    assert sent.wait(lambda each: each.get("id") == "2")["error"] == ""
    assert ("job_cancel", {"job_id": "job-1"}) in server.asked
    assert "job_delete" not in {tool for tool, _ in server.asked}


def test_a_server_that_is_away_is_told(view: JobsView, server: Server, sent: Sent) -> None:
    server.failure = ToolError("unavailable", "The server is away.", "Start it.")
    say(view, kind="ready")
    assert "away" in sent.wait(lambda each: each["kind"] == "failure")["text"]
    assert view.status.startswith("jobs: no news since ")
    sent.forget()
    server.failure = None
    sent.wait(lambda each: each["kind"] == "jobs")
    assert view.status == "jobs: 1 of 1 go on"


def test_a_job_that_is_not_kept_any_longer_says_so_and_the_others_go_on(
    view: JobsView, server: Server, sent: Sent
) -> None:
    say(view, kind="ready")
    say(view, kind="open", node="job-1")
    sent.wait(lambda each: each["kind"] == "jobs" and each["opened"] is not None)
    server.gone = ToolError("not_found", "There is no job 'job-1'.", "Ask for another.")
    told = sent.wait(lambda each: each["kind"] == "jobs" and _told(each).startswith("There is no"))
    assert told["opened"] == {**JOB, "log": "", "told": _told(told)}
    assert view.status == "jobs: 1 of 1 go on"


def _told(message: Mapping[str, Any]) -> str:
    return str((message["opened"] or {}).get("told", ""))


def test_what_is_stored_with_a_notebook_is_a_table_with_its_time(view: JobsView) -> None:
    bundle, _ = view._repr_mimebundle_()
    assert "job-1  running" in bundle["text/plain"]
    assert "&lt;work&gt;" in bundle["text/html"]
    assert "It is as of " in bundle["text/html"]
