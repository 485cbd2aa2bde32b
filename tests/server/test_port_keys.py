"""Addresses that open one port of one sandbox."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.tokens.leases import Leases
from jupyter_mcp.server.port_keys import IDLE_SECONDS, MOST_KEYS, MOST_SECONDS, PortKeys
from support.clock import Clock

ANN = Principal("user:ann", "ann", credential="a", kind="person")
BEN = Principal("user:ben", "ben", credential="b", kind="user")


async def test_a_key_ends_without_use_and_at_the_latest_in_the_end() -> None:
    clock, leases = Clock(), Leases()
    keys = PortKeys(clock)
    key = keys.grant(leases, ANN, "sb-1", 80, "e")
    assert keys.grant(leases, ANN, "sb-1", 80, "e") == key
    assert len({key, keys.grant(leases, BEN, "sb-1", 80, "e")}) == 2
    assert keys.find(key, "sb-1", 81) is None
    assert keys.find(key, "sb-2", 80) is None
    clock.now += IDLE_SECONDS - 1
    assert keys.find(key, "sb-1", 80) is not None
    clock.now += IDLE_SECONDS - 1
    assert keys.find(key, "sb-1", 80) is not None, "its use puts its end off"
    clock.now += IDLE_SECONDS
    assert keys.find(key, "sb-1", 80) is None
    again = keys.grant(leases, ANN, "sb-1", 80, "e")
    assert again != key
    for _ in range(int(MOST_SECONDS / 3000) + 1):
        clock.now += 3000
        keys.find(again, "sb-1", 80)
    assert keys.find(again, "sb-1", 80) is None


async def test_a_key_ends_with_the_access_behind_it() -> None:
    keys, leases = PortKeys(), Leases()
    key = keys.grant(leases, BEN, "sb-1", 80, "e")
    leases.end(BEN.id)
    assert keys.find(key, "sb-1", 80) is None
    brief = Principal("user:ann", "ann", credential="t", kind="client", expires=0.0)
    key = keys.grant(leases, brief, "sb-1", 80, "e")
    async with asyncio.timeout(30):
        while keys.find(key, "sb-1", 80) is not None:  # noqa: ASYNC110 - a lease tells only the keys
            await asyncio.sleep(0)


async def test_there_are_never_too_many_keys() -> None:
    keys, leases = PortKeys(), Leases()
    first = keys.grant(leases, ANN, "sb-1", 1, "e")
    for port in range(2, MOST_KEYS + 10):
        keys.grant(leases, ANN, "sb-1", port, "e")
    assert len(keys) == len(leases) == MOST_KEYS
    assert keys.find(first, "sb-1", 1) is None


@pytest.mark.parametrize("key", ["", "x" * 32, "ü"])
async def test_what_is_no_key_opens_nothing(key: str) -> None:
    assert PortKeys().find(key, "sb-1", 80) is None
