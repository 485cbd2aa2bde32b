from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp import Client
from support.server import JupyterServer
from support.sessions import Session, session


@pytest.fixture(scope="module")
def page(probed: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A kernel whose magics talk to the probed server."""
    env = {
        "JUPYTER_MCP_URL": f"{probed.url}?toolsets=all",
        "JUPYTER_MCP_TOKEN": probed.token,
    }
    with session(tmp_path_factory.mktemp("page"), env) as running:
        assert running.run("%load_ext jupyter_mcp").status == "ok"
        yield running


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    with session(tmp_path) as page:
        run = page.run(
            "import sys\n"
            "before = set(sys.modules)\n"
            "%load_ext jupyter_mcp\n"
            "heavy = {'mcp', 'pydantic', 'sqlalchemy', 'jupyter_server', 'httpx2', 'yaml'}\n"
            "print(sorted(heavy & (set(sys.modules) - before)))"
        )
    assert run.stdout == "[]\n"


def test_status_says_where_calls_go(page: Session, probed: JupyterServer) -> None:
    run = page.run("%mcp")
    assert probed.url in run.plain
    assert "2026-07-28" in run.plain
    assert "<table>" in run.html


def test_tools_are_listed_and_filtered(page: Session) -> None:
    assert "probe_echo" in page.run("%mcp tools").plain
    some = page.run("%mcp tools add two").plain
    assert "probe_add" in some
    assert "probe_echo" not in some
    assert "No tool has 'xyzzy'" in page.run("%mcp tools xyzzy").plain


def test_help_names_the_arguments(page: Session) -> None:
    run = page.run("%mcp help probe_add")
    assert "`a` | integer | **required**" in run.data[0]["text/markdown"]


def test_a_call_reads_values_by_their_type(page: Session) -> None:
    assert page.run("%mcp probe_add a=20 b=22").plain.find("42") >= 0
    assert page.run("%mcp probe_echo text=42").plain == "42"
    assert page.run('%mcp probe_echo text="two words"').plain == "two words"


def test_braces_and_dollars_survive(page: Session) -> None:
    page.run("name = 'expanded'")
    assert page.run('%mcp probe_echo text="{name} $name"').plain == "{name} $name"


@pytest.mark.parametrize("body", ['{"a": 1, "b": 2}', "a: 1\nb: 2", "b: 2"])
def test_a_cell_takes_json_or_yaml(page: Session, body: str) -> None:
    line = "%%mcp probe_add a=1" if body == "b: 2" else "%%mcp probe_add"
    assert "3" in page.run(f"{line}\n{body}").plain


def test_a_result_is_kept_in_a_variable(page: Session) -> None:
    run = page.run("%mcp probe_add a=1 b=1 -o two")
    assert not run.data
    assert page.run("print(two.structured, two.is_error, two.text)").stdout.startswith(
        "{'result': 2}"
    )


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("probe_ad a=1", "not_found", "Did you mean probe_add"),
        ("probe_add a=1", "invalid_arguments", "needs b="),
        ("probe_add a=1 c=2", "invalid_arguments", "no argument 'c'"),
        ("probe_add a=one b=2", "invalid_arguments", "'a' wants integer, not 'one'"),
        ("probe_add a=1 b", "invalid_arguments", "not of the form key=value"),
        ("probe_echo text='x", "invalid_arguments", "never closed"),
        ("probe_fail kind=told", "conflict", "The cell has changed. Read it again."),
        ("probe_fail kind=other", "internal", "error id"),
    ],
)
def test_errors_are_one_line(page: Session, line: str, code: str, told: str) -> None:
    run = page.run(f"%mcp {line}")
    assert run.status == "error"
    (shown,) = run.error["traceback"]
    assert shown.startswith(f"{code}: ")
    assert told in shown
    assert "\n" not in shown
    assert not run.stderr


def test_usage_errors_are_one_line(page: Session) -> None:
    run = page.run("%mcp help")
    assert run.status == "error"
    assert "Say which tool" in run.stderr
    assert "Traceback" not in run.stderr + json.dumps(run.error)


def test_interrupt_cancels_on_the_server(page: Session, probed: JupyterServer) -> None:
    request = page.start("print('began', flush=True)\n%mcp probe_wait mark=stop")
    page.wait_for(request, "began")
    with Client(probed.url, probed.token, toolsets="all") as other:
        other.call("probe_began", mark="stop")
    page.interrupt()
    run = page.finish(request)
    assert run.status == "error"
    assert run.error["traceback"] == ["cancelled: Cancelled; the server was told to stop it."]
    assert "true" in page.run("%mcp probe_was_cancelled mark=stop").plain.lower()


def test_questions_are_asked_with_input(page: Session) -> None:
    run = page.run("%mcp probe_ask mark=person", answers=("Ada",))
    assert run.plain == "accept Ada, run 1"


def test_without_a_person_questions_are_cancelled(page: Session) -> None:
    assert page.run("%mcp probe_ask mark=nobody").plain.startswith("cancel")


def test_progress_is_shown_late_and_in_place(page: Session) -> None:
    quick = page.run("%mcp probe_count steps=3")
    assert len(quick.data) == 1
    page.run("%config McpMagics.progress_after = 0.1")
    slow = page.run("%mcp probe_count steps=20")
    page.run("%config McpMagics.progress_after = 2.0")
    assert re.search(r"probe_count \d+/20 .*step", slow.data[0]["text/plain"])
    assert slow.updates
    assert re.fullmatch(r"probe_count \d+\.\d s", slow.updates[-1]["text/plain"])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%mcp probe_ec", ["%mcp probe_echo"]),
        ("%mcp tool", ["%mcp tools"]),
        ("%mcp help probe_ad", ["%mcp help probe_add"]),
        ("%mcp probe_add ", ["%mcp probe_add a=", "%mcp probe_add b="]),
        ("%mcp probe_add a=1 ", ["%mcp probe_add a=1 b="]),
        ("x = 1\n%mcp probe_echo te", ["%mcp probe_echo text="]),
        ("%%mcp probe_ec", ["%%mcp probe_echo"]),
    ],
)
def test_completion(page: Session, code: str, expected: list[str]) -> None:
    assert page.complete(code) == expected


def test_completions_carry_our_type(page: Session) -> None:
    assert page.completion_types("%mcp probe_ec") == {"mcp"}


def test_completion_leaves_other_code_alone(page: Session) -> None:
    page.run("probe_variable = 1")
    assert page.complete("probe_var") == ["probe_variable"]


def test_connect_and_disconnect(page: Session, probed: JupyterServer) -> None:
    run = page.run(f"%mcp connect {probed.url}lab?toolsets=probe --token wrong")
    assert "refused the token" in run.error["traceback"][0]
    run = page.run(f"%mcp connect {probed.url}lab?toolsets=probe --token {probed.token}")
    assert run.status == "ok"
    assert "job_get" not in page.run("%mcp tools").plain
    page.run("%mcp disconnect")
    assert "job_get" in page.run("%mcp tools").plain
    run = page.run("%mcp connect --token wrong")
    assert "refused the token" in run.error["traceback"][0], "the server's own was shown instead"
    page.run("%mcp disconnect")


def test_unload_removes_everything(tmp_path: Path, probed: JupyterServer) -> None:
    env = {"JUPYTER_MCP_URL": probed.url, "JUPYTER_MCP_TOKEN": probed.token}
    with session(tmp_path, env) as page:
        page.run(
            "%load_ext jupyter_mcp\nip = get_ipython()\n"
            "matchers = len(ip.Completer.custom_matchers)"
        )
        assert page.run("%mcp").status == "ok"
        page.run("%reload_ext jupyter_mcp\n%mcp\n%unload_ext jupyter_mcp")
        run = page.run(
            "import threading\n"
            "magics = ip.magics_manager.magics\n"
            "print(len(ip.Completer.custom_matchers) - matchers,"
            " 'mcp' in magics['line'], 'mcp' in magics['cell'],"
            " [c for c in ip.configurables if 'Mcp' in type(c).__name__],"
            " [t.name for t in threading.enumerate() if 'jupyter-mcp' in t.name])"
        )
    assert run.stdout == "-1 False False [] []\n"
