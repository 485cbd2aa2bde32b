"""Tokens for clients: what they carry, how they are refreshed, and how they end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.access_token import TokenRefused
from jupyter_mcp.security.tokens.tokens import MEMO_LIMIT
from support.clock import Clock
from support.tokens import ANN, DAY, minting


async def refused(work: object) -> str:
    """Return why a token was refused."""
    with pytest.raises(TokenRefused) as caught:
        await work  # type: ignore[misc]
    return caught.value.reason


def contents(folder: Path) -> bytes:
    """Return what lies in the files of a folder."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_a_token_is_who_made_it_and_what_was_asked_for(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        issued = await mint.make(ANN, "read", "edit", notebooks=["course/*"], name="my agent")
        client = await mint.tokens.principal_of(issued.access_token)
        assert (client.id, client.kind) == (f"token:{issued.family.id}", "client")
        assert (client.name, client.maker) == ("my agent", ANN)
        assert client.scopes == {"read", "edit"}
        assert client.notebooks == ("course/*",)
        assert client.expires == issued.access_expires
        assert await mint.tokens.principal_of(issued.access_token) is client


async def test_access_tokens_are_short_and_end(tmp_path: Path) -> None:
    async with minting(tmp_path, access_token_seconds=600) as mint:
        issued = await mint.make()
        assert issued.access_expires == mint.clock.now + 600
        await mint.tokens.principal_of(issued.access_token)
        mint.clock.now += 600
        assert await refused(mint.tokens.principal_of(issued.access_token)) == "expired"
        again = await mint.tokens.refresh(issued.refresh_token or "")
        assert (await mint.tokens.principal_of(again.access_token)).token == issued.family.id


async def test_the_family_ends_all_of_it(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        issued = await mint.make(expires_seconds=DAY)
        static = await mint.make(form="static", expires_seconds=DAY)
        mint.clock.now += DAY - 60
        last = await mint.tokens.refresh(issued.refresh_token or "")
        assert last.access_expires == issued.family.expires
        mint.clock.now += 60
        for token in (last.access_token, static.access_token):
            assert await refused(mint.tokens.principal_of(token)) == "expired"
        assert await refused(mint.tokens.refresh(last.refresh_token or "")) == "expired"


async def test_static_tokens_work_until_they_end(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        issued = await mint.make(form="static")
        assert issued.access_token.startswith("jmcp-token-")
        assert issued.refresh_token is None
        client = await mint.tokens.principal_of(issued.access_token)
        assert (client.token, client.expires) == (issued.family.id, issued.family.expires)
        wrong = issued.access_token[:-1] + "~"
        assert await refused(mint.tokens.principal_of(wrong)) == "not one of ours"


async def test_nothing_at_rest_can_be_shown(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        issued = [await mint.make(), await mint.make(form="static")]
        issued.append(await mint.tokens.refresh(issued[0].refresh_token or ""))
        told = repr(issued) + repr(mint.noted)
    kept = contents(tmp_path) + told.encode()
    secrets = {secret for one in issued for secret in (one.access_token, one.refresh_token)}
    assert not [secret for secret in secrets - {None} if str(secret).encode() in kept]


async def test_a_refresh_token_that_is_shown_twice_ends_the_family(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        issued = await mint.make()
        again = await mint.tokens.refresh(issued.refresh_token or "")
        assert (
            await refused(mint.tokens.refresh(issued.refresh_token or "", "10.1.1.1")) == "reused"
        )
        assert [(s.kind, s.details) for s in mint.noted] == [
            ("token_reused", {"token": issued.family.id, "remote": "10.1.1.1"})
        ]
        assert await refused(mint.tokens.principal_of(again.access_token)) == "revoked"
        assert await refused(mint.tokens.refresh(again.refresh_token or "")) == "revoked"
        [family] = await mint.tokens.families()
        assert family.reason == "a refresh token was used twice"


async def test_of_two_at_once_one_gets_a_new_pair(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        issued = await mint.make()
        tries = (mint.tokens.refresh(issued.refresh_token or "") for _ in range(4))
        answers = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(not isinstance(answer, BaseException) for answer in answers) <= 1
        [family] = await mint.tokens.families()
        assert family.revoked is not None


async def test_guesses_are_bounded_and_never_keep_out_what_is_right(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        issued = await mint.make()
        why = [
            await refused(mint.tokens.refresh(f"jmcp-refresh-{number}", "10.1.1.1"))
            for number in range(25)
        ]
        assert why == ["not one of ours"] * 20 + ["too many guesses"] * 5
        assert mint.tokens.retry_after("10.1.1.1") == 60
        assert mint.tokens.retry_after("10.1.1.2") == 0
        assert await mint.tokens.refresh(issued.refresh_token or "", "10.1.1.1")
        mint.clock.now += 61
        assert await refused(mint.tokens.refresh("jmcp-refresh-x", "10.1.1.1")) == "not one of ours"


async def test_a_revoked_token_takes_those_that_it_made_along(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        first = await mint.client(ANN, "read", "admin")
        second = await mint.client(first, "read", "admin")
        third = await mint.make(second, "read")
        other = await mint.make(ANN, "read")
        await mint.tokens.principal_of(third.access_token)
        await mint.tokens.revoke(first.token, "lost")
        assert await refused(mint.tokens.principal_of(third.access_token)) == "revoked"
        await mint.tokens.principal_of(other.access_token)
        reasons = {family.id: family.reason for family in await mint.tokens.families()}
        assert reasons[first.token] == "lost"
        assert reasons[third.family.id] == f"made by token {first.token}"


async def test_what_goes_on_is_told_at_once(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        client, other = await mint.client(), await mint.client()
        over: list[str] = []
        mint.leases.take(client, over.append)
        mint.leases.take(other, over.append)
        await mint.tokens.revoke(client.token, "")
        assert over == ["ended"]
        assert len(mint.leases) == 1


async def test_everything_is_known_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with minting(tmp_path, clock) as mint:
        kept, lost = await mint.make(toolsets=["jobs"]), await mint.make()
        static = await mint.make(form="static")
        await mint.tokens.principal_of(kept.access_token)
        await mint.tokens.revoke(lost.family.id, "lost")
    async with minting(tmp_path, clock) as mint:
        client = await mint.tokens.principal_of(kept.access_token)
        assert client.toolsets == {"jobs"}
        assert client.maker == ANN
        assert await refused(mint.tokens.principal_of(lost.access_token)) == "revoked"
        assert await mint.tokens.principal_of(static.access_token)
        assert await mint.tokens.refresh(kept.refresh_token or "")
        used = {family.id: family.used for family in await mint.tokens.families()}
        assert used[kept.family.id] == clock.now


async def test_two_servers_in_one_folder_agree(tmp_path: Path) -> None:
    clock = Clock()
    async with minting(tmp_path, clock) as one, minting(tmp_path, clock) as two:
        issued = await one.make()
        client = await two.tokens.principal_of(issued.access_token)
        over: list[str] = []
        two.leases.take(client, over.append)
        await one.tokens.revoke(issued.family.id, "lost")
        assert await refused(two.tokens.principal_of(issued.access_token)) == "revoked"
        assert over == ["ended"]


async def test_ended_families_are_forgotten_after_a_while(tmp_path: Path) -> None:
    clock = Clock()
    async with minting(tmp_path, clock) as mint:
        await mint.make(expires_seconds=DAY)
        stays = await mint.make(expires_seconds=40 * DAY)
    clock.now += 35 * DAY
    async with minting(tmp_path, clock) as mint:
        assert [family.id for family in await mint.tokens.families()] == [stays.family.id]


async def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    async with minting(tmp_path, access_token_seconds=600) as mint:
        issued = await mint.make()
        for _ in range(MEMO_LIMIT + 10):
            await mint.tokens.principal_of(issued.access_token)
            issued = await mint.tokens.refresh(issued.refresh_token or "")
        assert len(mint.tokens._memo) == MEMO_LIMIT


async def test_a_key_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    async with minting(tmp_path):
        pass
    key = tmp_path / "token-key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    async with minting(tmp_path):
        assert key.stat().st_mode & 0o777 == 0o600


async def test_revoking_nothing_is_told(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        with pytest.raises(ToolError, match="There is no token 'x'"):
            await mint.tokens.revoke("x", "")
