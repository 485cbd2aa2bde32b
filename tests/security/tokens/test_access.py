"""Whoever was shut out stays out until somebody restores them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.tokens.access import marker
from support.clock import Clock
from support.tokens import ANN, minting

BOB = Principal("user:bob", "bob", credential="bob's", kind="user")


async def test_by_identifier_by_credential_and_by_token(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        client = await mint.client(BOB)
        for who in (BOB.id, BOB.credential, client.id, client.token, client.credential):
            assert not await mint.access.is_ended(client)
            await mint.access.end(who, ANN, "lost laptop")
            assert await mint.access.is_ended(client)
            assert await mint.access.is_ended(BOB) is (who in (BOB.id, BOB.credential))
            assert not await mint.access.is_ended(ANN)
            await mint.access.restore(who)


async def test_it_is_told_and_listed(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        await mint.access.end("user:bob", ANN, "lost\nlaptop")
        [ended] = mint.access.ended()
        assert (ended.who, ended.by, ended.reason) == ("user:bob", "user:ann", "lost laptop")
        assert [signal.kind for signal in mint.noted] == ["access_ended"]


async def test_it_outlives_a_restart_and_the_marker_tells(tmp_path: Path) -> None:
    clock = Clock()
    async with minting(tmp_path, clock) as mint:
        assert not marker(tmp_path).exists()
        await mint.access.end("user:bob", ANN)
        await mint.access.end("user:bob", ANN, "again")
        assert marker(tmp_path).exists()
    async with minting(tmp_path, clock) as mint:
        assert await mint.access.is_ended(BOB)
        await mint.access.restore("user:bob")
        assert not marker(tmp_path).exists()
    async with minting(tmp_path, clock) as mint:
        assert not await mint.access.is_ended(BOB)


async def test_two_servers_in_one_folder_agree(tmp_path: Path) -> None:
    async with minting(tmp_path) as one, minting(tmp_path) as two:
        over: list[str] = []
        two.leases.take(BOB, over.append)
        await one.access.end("user:bob", ANN)
        assert await two.access.is_ended(BOB)
        assert over == ["ended"]
        await two.access.restore("user:bob")
        assert not await one.access.is_ended(BOB)


async def test_nobody_shuts_themselves_out(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        for who in (ANN.id, ANN.credential):
            with pytest.raises(ToolError, match="your own access"):
                await mint.access.end(who, ANN)


@pytest.mark.parametrize("who", ["", " ", "a\nb", "x" * 191])
async def test_nonsense_is_told(tmp_path: Path, who: str) -> None:
    async with minting(tmp_path) as mint:
        with pytest.raises(ToolError, match="Say whose access"):
            await mint.access.end(who, ANN)
        with pytest.raises(ToolError):
            await mint.access.restore(who)


async def test_restoring_who_was_never_out_is_told(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        with pytest.raises(ToolError, match="is not ended"):
            await mint.access.restore("user:bob")


async def test_the_person_whose_server_it_is_is_never_shut_out(tmp_path: Path) -> None:
    """An agent may end access, and only a person restores it."""
    agent = Principal("token:server", "token", credential="server's")
    async with minting(tmp_path) as mint:
        over: list[str] = []
        client = await mint.client(ANN)
        mint.leases.take(ANN, over.append)
        for who in (ANN.id, ANN.credential):
            await mint.access.end(who, agent)
            assert not await mint.access.is_ended(ANN)
            assert await mint.access.is_ended(client)
        assert over == []
