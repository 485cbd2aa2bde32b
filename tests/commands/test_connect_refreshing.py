"""A bridge that refreshes its token by itself: whoever uses it never notices."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from jupyter_mcp.commands.refresh_file import RefreshFile
from jupyter_mcp.errors import ToolError
from support.clients_of_ours import OurClient, ask, client_of
from support.commands import command, run
from support.plugins import plugin_environment
from support.server import JupyterServer, wait_until


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server whose access tokens are good for ten seconds."""
    home = tmp_path_factory.mktemp("brief")
    environment = plugin_environment(home, probe="support.probe:Probe")
    options = {"JupyterMCP": {"access_token_seconds": 10}}
    with JupyterServer(home, collaboration=False, env=environment, config=options) as running:
        yield running


def saved(server: JupyterServer, file: Path) -> RefreshFile:
    """Make a token and save it as a person does."""
    done = run(server, "token", "create", "--scopes", "read,edit,execute", "--save", str(file))
    assert done.returncode == 0, done.stderr
    assert "jmcp-" not in done.stdout
    return RefreshFile(str(file))


async def test_a_call_that_takes_longer_than_a_token_comes_through(
    brief: JupyterServer, tmp_path: Path
) -> None:
    file = tmp_path / "agent.token"
    await asyncio.to_thread(saved, brief, file)
    first = json.loads(file.read_text())["refresh_token"]
    start = command("connect", "--toolsets=all", "--refresh-token-file", str(file))
    environment = brief.environment
    parameters = StdioServerParameters(
        command=start[0], args=start[1:], env=environment, cwd=brief.root
    )
    async with Client(parameters, cache=None) as client:
        who = await client.call_tool("probe_who", {})
        running = asyncio.create_task(client.call_tool("probe_wait", {"mark": "long"}))
        await asyncio.to_thread(ask, brief, "probe_began", mark="long")
        await asyncio.to_thread(ended, client_of(brief, form="static", expires="12s"))
        assert not running.done(), "the call was lost when the token ended"
        told = await client.call_tool("probe_who", {})
        running.cancel()
    assert who.structured_content == told.structured_content
    assert json.loads(file.read_text())["refresh_token"] != first
    assert file.stat().st_mode & 0o777 == 0o600


def ended(client: OurClient) -> None:
    """Wait until a token has come to its end."""
    wait_until(
        lambda: client.request("GET", "jupyter_mcp/api/status").status == 401,
        seconds=30,
        what="the token has ended",
    )


def test_several_bridges_with_one_file_never_show_a_token_twice(
    brief: JupyterServer, tmp_path: Path
) -> None:
    file = saved(brief, tmp_path / "shared.token")
    tokens: set[str] = set()

    def fetch() -> None:
        tokens.add(file.access(brief.url).token)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 1, "they share one access token"
    [refused] = tokens
    assert file.access(brief.url, is_refused=refused).token != refused


def test_a_file_that_others_can_read_is_refused(brief: JupyterServer, tmp_path: Path) -> None:
    file = saved(brief, tmp_path / "open.token")
    (tmp_path / "open.token").chmod(0o644)
    with pytest.raises(ToolError, match="chmod 600"):
        file.access(brief.url)


def test_a_token_that_is_not_good_any_more_is_told(brief: JupyterServer, tmp_path: Path) -> None:
    client = client_of(brief)
    bare = tmp_path / "bare.token"
    bare.write_text(f"{client.made['refresh_token']}\n")
    bare.chmod(0o600)
    file = RefreshFile(str(bare))
    assert file.access(brief.url).token
    ask(brief, "token_revoke", token_id=client.id)
    with pytest.raises(ToolError, match="is not good any more"):
        file.access(brief.url, is_refused=file.access(brief.url).token)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"cannot be (read|locked)"):
        RefreshFile(str(tmp_path / "no" / "token")).access("http://127.0.0.1:1/")
