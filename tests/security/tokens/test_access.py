"""Whoever was shut out stays out until somebody restores them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.tokens.access import marker
from jupyter_mcp.security.tokens.access_token import TokenRefused
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


async def test_what_was_read_before_does_not_let_somebody_in_again(tmp_path: Path) -> None:
    """Another server's change may be read while access is ended here, or a full disk keeps it."""
    async with minting(tmp_path) as one, minting(tmp_path) as two:
        await two.access.end("user:carl", ANN)
        ending = asyncio.create_task(one.access.end("user:bob", ANN))
        reading = asyncio.create_task(one.access.is_ended(BOB))
        await asyncio.gather(reading, ending)
        assert await one.access.is_ended(BOB)


async def test_who_was_ended_while_nothing_could_be_written_stays_out(tmp_path: Path) -> None:
    async with minting(tmp_path) as one, minting(tmp_path) as two:
        token = await one.make(BOB)
        await one.storage.run(lambda connection: connection.exec_driver_sql("PRAGMA query_only=1"))
        for failing in (
            one.access.end("user:carl", ANN),
            one.tokens.revoke(token.family.id, "stolen"),
        ):
            with pytest.raises((ToolError, OperationalError)):
                await failing
        await two.access.end("user:dora", ANN)
        await two.make(BOB)
        assert await one.access.is_ended(Principal("user:carl", "carl", kind="user"))
        with pytest.raises(TokenRefused, match="revoked"):
            await one.tokens.principal_of(token.access_token)
