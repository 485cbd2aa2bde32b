"""``%mcp jobs`` in a real kernel, whose table goes on after its cell has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.error import UsageError

from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.job_words import JobWords, answer_of, job_table, told
from jupyter_mcp.ipython.live_table import LIVE, OLD, TRIES, LiveTable, Look
from jupyter_mcp.ipython.words import split
from support.plugins import plugin_environment
from support.server import JupyterServer
from support.sessions import Session, session
from support.tasks import TaskClient


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    home = tmp_path_factory.mktemp("errands")
    environment = plugin_environment(home, errands="support.errands:Errands")
    with JupyterServer(home, collaboration=False, env=environment) as running:
        yield running


@pytest.fixture(scope="module")
def page(server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    env = {"JUPYTER_MCP_URL": f"{server.url}?toolsets=all", "JUPYTER_MCP_TOKEN": server.token}
    env["JUPYTER_RUNTIME_DIR"] = str(server.home / "runtime")  # of the person at this machine
    with session(tmp_path_factory.mktemp("page"), env) as running:
        assert running.run("%load_ext jupyter_mcp").status == "ok"
        yield running


def updated(page: Session, request: str, text: str) -> dict[str, Any]:
    """Return the update of a request's display that says `text`."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        message = page.client.get_iopub_msg(timeout=30)
        content = message["content"]
        if message["msg_type"] == "update_display_data" and text in content["data"]["text/plain"]:
            assert message["parent_header"]["msg_id"] == request
            found: dict[str, Any] = content["data"]
            return found
    raise TimeoutError(text)


def test_the_table_is_live_until_nothing_goes_on(page: Session, server: JupyterServer) -> None:
    assert "There are no jobs." in page.run("%mcp jobs").plain
    client = TaskClient(server)
    job_id = client.call("errand_wait", mark="live")["taskId"]
    assert f"{job_id}  running  1/2 waiting for live" in page.run("%mcp jobs").plain, "a widget"
    page.run("import sys; sys.modules['jupyter_mcp.widgets.jobs_view'] = None")  # not installed
    request = page.start("%mcp jobs")
    run = page.finish(request)
    assert f"{job_id}  running  1/2 waiting for live" in run.plain
    assert "keeps itself up to date" in run.html
    assert page.run("1 + 1").plain == "2", "the kernel is free meanwhile"
    client.call("errand_release", mark="live")
    last = updated(page, request, "succeeded")
    assert "keeps itself up to date" not in last["text/html"]
    details = page.run(f"%mcp jobs {job_id}").plain
    assert "waits for live" in details
    assert "live was released" in details


def test_a_job_is_cancelled(page: Session, server: JupyterServer) -> None:
    job_id = TaskClient(server).call("errand_wait", mark="dropped")["taskId"]
    assert f"{job_id}: cancelled" in page.run(f"%mcp jobs cancel {job_id}").plain
    assert "cancelled" in page.run("%mcp jobs --all").plain
    assert "There is no job 'job-none'" in page.run("%mcp jobs job-none").error["evalue"]


def test_a_person_answers_a_cell_in_the_background(page: Session) -> None:
    started = page.run("_kernel = %mcp kernel_start\n_kernel.structured['kernel_id']")
    kernel = started.plain.split()[-1].strip("'")
    code = "code=\"print('hello', input('Who are you? '))\""
    begun = page.run(f"%mcp kernel_execute kernel_id={kernel} {code} background=true")
    job_id = next(word.rstrip(";") for word in begun.plain.split() if word.startswith("job-"))
    deadline = time.monotonic() + 60
    while "asks: Who are you?" not in (table := page.run("%mcp jobs").plain):
        assert time.monotonic() < deadline
        assert "failed" not in table
    details = page.run(f"%mcp jobs {job_id}").plain
    assert f"%mcp jobs answer {job_id} ANSWER" in details
    assert job_id in page.run(f"%mcp jobs answer {job_id} Ada of=Byron").plain
    ended = page.run(f"%mcp job_result job_id={job_id} wait=30").plain
    assert "hello Ada of=Byron" in ended
    again = page.run(f"%mcp jobs decline {job_id}").error["evalue"]
    assert "does not ask anything now" in again


def test_a_person_answers_what_an_agents_job_asks(page: Session, server: JupyterServer) -> None:
    client = TaskClient(server)
    job_id = client.call("errand_ask")["taskId"]
    assert "asks: Name 1?" in page.run("%mcp jobs").plain
    assert job_id in page.run(f"%mcp jobs answer {job_id} Ada").plain
    client.until(job_id, "input_required")
    assert job_id in page.run(f"%mcp jobs decline {job_id}").plain
    assert client.until(job_id)["status"] == "completed"


@pytest.mark.parametrize(
    ("line", "schema", "answer"),
    [
        ("yes it is", {"name": {"type": "string"}}, {"name": "yes it is"}),
        ("name=Ada", {"name": {"type": "string"}}, {"name": "Ada"}),
        ("5", {"n": {"type": "integer"}}, {"n": 5}),
        ("True", {"sure": {"type": "boolean"}}, {"sure": True}),
        ("a lot", {"n": {"type": "integer"}}, {"n": "a lot"}),
        (
            "n=5 s=6",
            {"n": {"type": "number"}, "s": {"type": "string"}},
            {"n": 5, "s": "6"},
        ),
    ],
)
def test_answers_have_the_types_that_are_asked_for(
    line: str, schema: dict[str, Any], answer: dict[str, Any]
) -> None:
    question = {"params": {"requestedSchema": {"type": "object", "properties": schema}}}
    assert answer_of(split(line), {"question": question}) == answer


@pytest.mark.parametrize("line", ["cancel", "--every", "a b", "cancel a b", "answer a", "decline"])
def test_words_that_nobody_understands(line: str) -> None:
    words = JobWords(lambda: None, lambda: False)
    with pytest.raises(UsageError, match="Write %mcp jobs"):
        words.carry_out(split(line))


def test_what_jobs_tell_cannot_become_markup() -> None:
    job = {
        "job_id": "job-1",
        "status": "running",
        "seconds": 3725.0,
        "title": "<script>",
        "progress": {"done": 1, "total": 4, "message": "<b>\n" + "x" * 200},
    }
    table = job_table([job])
    assert "<script>" not in table.to_html()
    assert "1:02:05" in table.to_text()
    assert len(told(job)) == 80
    assert told({"progress": None}) == ""
    assert told({**job, "status": "succeeded"}) == ""


def shown_until_the_end(look: Look, seconds: float, stop: bool) -> list[str]:
    """Return what a table shows, until it is redrawn no more."""
    shown: list[str] = []
    table = LiveTable(look, lambda bundle, _: shown.append(bundle["text/html"]), seconds)
    table.start(Table([["job-1", "running"]]))
    if stop:
        table.stop()
    for thread in threading.enumerate():
        if thread.name == "jupyter-mcp live table":
            thread.join(30)
    assert not table.is_live
    return shown


def test_a_table_that_gives_up_says_why_and_since_when() -> None:
    looks = 0

    def look() -> tuple[Table, bool]:
        nonlocal looks
        looks += 1
        raise ConnectionError("The server is <away>.")

    first, *others, last = shown_until_the_end(look, 0.001, stop=False)
    assert looks == len(others) == TRIES
    assert LIVE in first
    for each in (*others, last):
        assert LIVE not in each
        assert "It is as of " in each
        assert "The server is &lt;away&gt;." in each
        assert "job-1" in each
    assert OLD in last


def test_a_stopped_table_says_that_it_is_old() -> None:
    first, last = shown_until_the_end(lambda: (Table([]), True), 60, stop=True)
    assert LIVE in first
    assert OLD in last
    assert "job-1" in last


def test_a_table_that_is_stopped_while_all_ends_shows_the_end() -> None:
    shown: list[str] = []

    def look() -> tuple[Table, bool]:
        table.stop()
        return Table([["job-1", "succeeded"]]), False

    table = LiveTable(look, lambda bundle, _: shown.append(bundle["text/html"]), 0.001)
    table.start(Table([["job-1", "running"]]))
    for thread in threading.enumerate():
        if thread.name == "jupyter-mcp live table":
            thread.join(30)
    assert "succeeded" in shown[-1]
    assert LIVE not in shown[-1]
