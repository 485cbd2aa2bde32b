"""The tokens by which workflows act: for how long, where, and until when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.security import recorded
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.tokens.access_token import TokenRefused
from jupyter_mcp.security.tokens.acting import SECONDS
from jupyter_mcp.storage.tables import workflow_runs as runs
from support.tokens import ANN, Mint, minting


@pytest_asyncio.fixture
async def mint(tmp_path: Path) -> AsyncIterator[Mint]:
    async with minting(tmp_path) as made:
        yield made


async def put(mint: Mint, owner: Principal, run: str = "wf-1", status: str = "running") -> str:
    """Put a run into the database and return a token by which it acts."""
    row = {"id": run, "owner": owner.id, "principal": recorded.to_json(owner), "name": "x"}
    row |= {"spec": {}, "spec_hash": "h", "parameters": {}, "status": status, "created": 1.0}
    await mint.storage.run(lambda connection: connection.execute(runs.insert().values(row)))
    return (await mint.tokens.act_for(run)).token


async def refused(mint: Mint, shown: str) -> str:
    with pytest.raises(TokenRefused) as failure:
        await mint.tokens.principal_of(shown)
    return failure.value.reason


async def test_it_ends_after_five_minutes_also_where_it_was_just_used(mint: Mint) -> None:
    token = await put(mint, ANN)
    fresh = (await mint.tokens.act_for("wf-1")).token
    assert (await mint.tokens.principal_of(token)).is_workflow
    mint.clock.now += SECONDS - 1
    assert (await mint.tokens.principal_of(token)).maker == ANN
    mint.clock.now += 1
    assert await refused(mint, token) == "expired"
    assert await refused(mint, fresh) == "expired", "one that was never used, too"


async def test_it_is_good_at_its_own_server_alone(mint: Mint, tmp_path: Path) -> None:
    token = await put(mint, ANN)
    folder = tmp_path / "other"
    folder.mkdir()
    async with minting(folder) as other:
        await put(other, ANN)
        assert await refused(other, token) == "made for another server"


async def test_it_has_what_its_owner_had_and_ends_with_their_token(mint: Mint) -> None:
    owner = await mint.client(ANN, "read", "edit")
    token = await put(mint, owner)
    assert (await mint.tokens.principal_of(token)).scopes == {"read", "edit"}
    await mint.tokens.revoke(owner.token, "test")
    assert await refused(mint, token) == "revoked"
    with pytest.raises(TokenRefused, match="revoked"):
        await mint.tokens.act_for("wf-1")


async def test_it_ends_with_the_token_of_who_made_its_owners(mint: Mint) -> None:
    maker = await mint.client(ANN, "read", "admin")
    owner = await mint.client(maker, "read")
    token = await put(mint, owner)
    await mint.tokens.revoke(maker.token, "test")
    assert await refused(mint, token) == "revoked"


async def test_it_is_no_good_when_its_owners_token_has_expired(mint: Mint) -> None:
    owner = await mint.client(ANN, "read", expires_seconds=60)
    token = await put(mint, owner)
    await mint.tokens.principal_of(token)
    mint.clock.now += 61
    assert await refused(mint, token) == "expired"
    with pytest.raises(TokenRefused, match="expired"):
        await mint.tokens.act_for("wf-1")


async def test_nothing_is_given_for_a_run_that_has_ended_or_is_unknown(mint: Mint) -> None:
    with pytest.raises(TokenRefused, match="no such run goes on"):
        await put(mint, ANN, status="succeeded")
    with pytest.raises(TokenRefused, match="no such run goes on"):
        await mint.tokens.act_for("wf-2' OR '1'='1")
