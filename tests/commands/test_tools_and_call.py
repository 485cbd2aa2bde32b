from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from jupyter_mcp import Client
from support.commands import command, run
from support.server import JupyterServer


def test_tools_lists_what_there_is(probed: JupyterServer) -> None:
    done = run(probed, "tools", "--toolsets=all", "add two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["probe_add", "Add", "two", "numbers,", "in", "a", "thread."]


def test_tools_as_json(probed: JupyterServer) -> None:
    (tool,) = json.loads(run(probed, "tools", "probe_add", "--toolsets=probe", "--json").stdout)
    assert tool["inputSchema"]["required"] == ["a", "b"]


def test_call_prints_the_text(probed: JupyterServer) -> None:
    done = run(probed, "call", "--toolsets=all", "probe_echo", "text=two words = {x}")
    assert (done.returncode, done.stdout) == (0, "two words = {x}\n")


def test_call_as_json(probed: JupyterServer) -> None:
    done = run(probed, "call", "--toolsets=all", "probe_add", "a=1", "b:=2", "--json")
    answer = json.loads(done.stdout)
    assert answer["structured"] == {"result": 3}
    assert answer["is_error"] is False


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Say which tool"),
        (("nope",), "There is no tool 'nope'"),
        (("probe_add", "a=x", "b=1"), "'a' wants integer"),
        (("probe_add", "a=1"), "needs b="),
        (("probe_fail", "kind=told"), "conflict: The cell has changed. Read it again."),
    ],
)
def test_failures_are_one_line(probed: JupyterServer, words: tuple[str, ...], told: str) -> None:
    done = run(probed, "call", "--toolsets=all", *words)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout


def test_a_token_that_is_given_is_shown_and_never_replaced_by_the_servers(
    probed: JupyterServer,
) -> None:
    made = run(probed, "token", "create", "--scopes", "read", "--static", "--json")
    token = json.loads(made.stdout)["access_token"]
    listed = run(probed, "tools", "--toolsets=all", "--token", token).stdout
    assert "probe_echo" in listed
    assert "probe_edit" not in listed
    forced = run(probed, "call", "--toolsets=all", "probe_edit", "--token", token)
    assert "'probe_edit' needs the scope 'edit'" in forced.stderr
    assert "forbidden: " in run(probed, "agents", "--token", token).stderr
    assert "unauthorized: " in run(probed, "tools", "--token", "wrong").stderr


def test_a_token_means_a_server(tmp_path: Path) -> None:
    server = JupyterServer(tmp_path)
    server.root.mkdir()
    for words in (("agents", "--token", "x"), ("agents", "--token", "x", "--root", str(tmp_path))):
        done = run(server, *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("unavailable: No server runs here")


def test_interrupt_cancels_on_the_server(probed: JupyterServer) -> None:
    words = command("call", "--toolsets=all", "probe_wait", "mark=shell")
    with (
        Client(probed.url, probed.token, toolsets="all") as watcher,
        subprocess.Popen(
            words, env=probed.environment, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        watcher.call("probe_began", mark="shell")
        process.send_signal(signal.SIGINT)
        _out, told = process.communicate(timeout=30)
        assert not watcher.call("probe_was_cancelled", mark="shell").is_error
    assert process.returncode == 130
    assert told == "cancelled: The server was told to stop it.\n"


def test_an_unknown_command_is_told(probed: JupyterServer) -> None:
    done = run(probed, "nope")
    assert done.returncode == 2
    assert "There is no command 'nope'." in done.stderr


def test_jupyter_finds_the_command(probed: JupyterServer) -> None:
    words = [command()[0].removesuffix("-mcp"), "mcp", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, env=probed.environment, check=True)
    for name in ("demo", "doctor", "connect", "config", "tools", "call"):
        assert f"\n{name}\n" in done.stdout
