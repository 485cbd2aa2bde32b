"""``jupyter mcp token`` and ``jupyter mcp access`` as a person or a script runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.ipython.client import Client
from support.commands import run
from support.plugins import plugin_environment
from support.server import JupyterServer


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of these tests alone."""
    home = tmp_path_factory.mktemp("own")
    environment = plugin_environment(home, probe="support.probe:Probe")
    with JupyterServer(home, collaboration=False, env=environment) as running:
        yield running


def told(server: JupyterServer, *words: str) -> Any:
    """Run a command with --json and return what it printed."""
    done = run(server, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def status(server: JupyterServer, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return server.request("GET", "jupyter_mcp/api/status", headers=headers, token=False).status


def test_a_script_makes_lists_and_revokes(own: JupyterServer) -> None:
    words = ("--scopes", "read,edit", "--toolsets", "notebooks", "--notebooks", "course/*")
    made = told(own, "token", "create", *words, "--expires", "7d", "--name", "my agent")
    assert {"access_token", "refresh_token", "id", "expires_at"} <= made.keys()
    [listed] = [t for t in told(own, "token", "list") if t["id"] == made["id"]]
    expected = {
        "name": "my agent",
        "scopes": ["edit", "read"],
        "toolsets": ["notebooks"],
        "notebooks": ["course/*"],
        "expires_at": made["expires_at"],
        "last_used_at": None,
        "revoked": False,
    }
    assert listed.items() >= expected.items()
    assert listed["created_at"].endswith("Z")
    assert status(own, made["access_token"]) == 200
    assert told(own, "token", "revoke", made["id"])["revoked"]
    assert status(own, made["access_token"]) == 401
    text = run(own, "token", "list").stdout
    [row] = [line.split() for line in text.splitlines() if line.startswith(made["id"])]
    assert row[1:6] == ["my", "agent", "edit,read", "notebooks", "course/*"]
    assert row[6] == "revoked:"
    assert text.startswith("id  ")


def test_the_python_client_takes_such_a_token(own: JupyterServer) -> None:
    for words in ((), ("--static",)):
        made = told(own, "token", "create", "--scopes", "read", *words)
        assert (made["refresh_token"] is None) is bool(words)
        with Client(own.url, token=made["access_token"], toolsets="probe") as client:
            who = client.call("probe_who").structured or {}
            assert who["id"] == f"token:{made['id']}"


def test_access_is_ended_and_restored(own: JupyterServer) -> None:
    made = told(own, "token", "create", "--scopes", "read")
    ended = told(own, "access", "end", made["id"], "--reason", "lost")
    assert (ended["who"], ended["reason"]) == (made["id"], "lost")
    assert [each["who"] for each in told(own, "access", "list")] == [made["id"]]
    assert status(own, made["access_token"]) == 401
    told(own, "access", "restore", made["id"])
    assert status(own, made["access_token"]) == 200
    assert run(own, "access", "list").stdout == "Nobody's access is ended.\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("token", "Say what to do. Choose from: create, list, revoke."),
        ("token make", "There is no 'make' here."),
        ("token revoke", "'revoke' takes 1 more word."),
        ("token list all", "'list' takes no more words."),
        ("token create", "Say what the token may do. For example: --scopes read,edit."),
        ("token create --scopes fly", "There is no scope 'fly'."),
        ("token create --scopes read --expires 7x", "'7x' is no duration."),
        ("token create --scopes read --toolsets note", "There is no toolset 'note' here."),
        ("token create --scopes read --notebooks ../x", "leaves its folder"),
        ("token create --scopes read --static --save f", "A static token is not refreshed"),
        ("token revoke nope", "There is no token 'nope'."),
        ("access restore nobody", "The access of 'nobody' is not ended."),
        ("access end person:local", "That is your own access"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(own: JupyterServer, words: str, line: str) -> None:
    done = run(own, *words.split())
    assert done.returncode == 1
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_without_a_server_tokens_are_made_in_its_state(tmp_path: Path) -> None:
    server = JupyterServer(tmp_path, collaboration=False)
    server.root.mkdir(parents=True)
    made = told(server, "token", "create", "--scopes", "read", "--root", str(server.root))
    with server:
        assert status(server, made["access_token"]) == 200
