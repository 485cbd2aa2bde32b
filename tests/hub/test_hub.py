"""What a platform team relies on: two users behind a real Hub, each reached by their own token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from support.hub import Hub
from support.wire import ToolCallError, Wire

pytestmark = [pytest.mark.hub, pytest.mark.timeout(300)]

GUARDED = (
    "import pathlib, time\nprint('step', flush=True)\n"
    "while not pathlib.Path('seen').exists():\n    time.sleep(0.05)\nprint('on')"
)
READS = {"notebook_read", "cell_read", "kernel_list", "job_get"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub"), ("ann", "bob")) as running:
        running.start_server("ann")
        running.start_server("bob")
        yield running


def homes(hub: Hub) -> dict[str, str]:
    """Return in whose home each notebook lies."""
    return {path.name: path.parent.name for path in hub.home.glob("**/of-???.ipynb")}


async def names(url: str, token: str) -> set[str]:
    from support.wire import last_message

    async with Wire(url, token) as wire:
        listing = last_message(await wire.send(wire.prepare("tools/list", {})))
    return {tool["name"] for tool in listing["result"]["tools"]}


async def end_kernel(hub: Hub, token: str, kernel_id: str) -> None:
    """End a kernel by Jupyter's own API: our tool would ask a person first."""
    import httpx2

    url = hub.mcp_url("ann").removesuffix("mcp") + f"api/kernels/{kernel_id}"
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        (await http.delete(url)).raise_for_status()


async def status(url: str, token: str) -> int:
    """Return the HTTP status of a call."""
    wire = Wire(url, token)
    async with wire:
        assert wire._reader is not None
        wire.begin(wire.prepare("tools/list", {}))
        line = await wire._reader.readline()
    return int(line.split()[1])


@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
async def test_a_token_for_ones_own_server_works_with_progress_unbuffered(
    hub: Hub, era: str
) -> None:
    import httpx2

    token = hub.token("ann", ["access:servers!user=ann"])
    seen = hub.home_of("ann") / "seen"
    seen.unlink(missing_ok=True)

    async def progress(_done: float, _total: float | None, message: str | None) -> None:
        if "step" in (message or ""):
            seen.touch()

    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(hub.mcp_url("ann"), http_client=http)
        async with Client(transport, mode=era) as client:
            started = await client.call_tool("kernel_start", {})
            assert started.structured_content is not None
            kernel_id = started.structured_content["kernel_id"]
            # The code ends once its progress was seen: neither proxy nor server holds it back.
            result = await client.call_tool(
                "kernel_execute",
                {"code": GUARDED, "kernel_id": kernel_id, "timeout": 60},
                progress_callback=progress,
            )
            assert result.structured_content is not None
            assert result.structured_content["status"] == "ok"
            await end_kernel(hub, token, kernel_id)


async def test_the_other_users_token_is_refused(hub: Hub) -> None:
    token = hub.token("bob", ["access:servers!user=bob"])
    assert await status(hub.mcp_url("ann"), token) in (401, 403)
    assert await status(hub.mcp_url("bob"), token) == 200


async def test_a_made_up_token_is_refused(hub: Hub) -> None:
    assert await status(hub.mcp_url("ann"), "0" * 32) in (401, 403)


async def test_a_token_that_may_read_neither_sees_nor_runs_more(hub: Hub) -> None:
    url = hub.mcp_url("ann")
    token = hub.token("ann", ["access:servers!user=ann", "custom:mcp:read!user=ann"])
    seen = await names(url, token)
    assert seen >= READS
    assert not seen & {"cell_edit", "cell_run", "kernel_execute", "notebook_create"}
    async with Wire(url, token) as wire:
        with pytest.raises(ToolCallError, match="needs the scope 'execute'"):
            await wire.call("kernel_execute", code="1")
        with pytest.raises(ToolCallError, match="needs the scope 'edit'"):
            await wire.call("notebook_create", path="no.ipynb")
    home = hub.home / "homes" / "ann"
    assert not (home / "no.ipynb").exists()


async def test_a_token_that_may_edit_does_not_run(hub: Hub) -> None:
    url = hub.mcp_url("ann")
    token = hub.token("ann", ["access:servers!user=ann", "custom:mcp:edit!user=ann"])
    async with Wire(url, token) as wire:
        await wire.call("notebook_create", path="made.ipynb")
        with pytest.raises(ToolCallError, match="needs the scope 'execute'"):
            await wire.call("cell_run", path="made.ipynb")


async def test_a_token_that_may_execute_runs(hub: Hub) -> None:
    token = hub.token("ann", ["access:servers!user=ann", "custom:mcp:execute!user=ann"])
    async with Wire(hub.mcp_url("ann"), token) as wire:
        started = await wire.call("kernel_start")
        kernel_id = started["structuredContent"]["kernel_id"]
        answer = await wire.call("kernel_execute", code="6*7", kernel_id=kernel_id)
        assert "42" in answer["content"][0]["text"]
        await end_kernel(hub, token, kernel_id)


async def test_two_users_work_at_once_each_in_their_own_home(hub: Hub) -> None:
    async def make(user: str) -> None:
        token = hub.token(user, [f"access:servers!user={user}"])
        async with Wire(hub.mcp_url(user), token) as wire:
            await wire.call("notebook_create", path=f"of-{user}.ipynb")

    await asyncio.gather(make("ann"), make("bob"))
    assert homes(hub) == {"of-ann.ipynb": "ann", "of-bob.ipynb": "bob"}
