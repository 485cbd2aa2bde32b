from __future__ import annotations

import asyncio
import time

from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.tokens.leases import Leases

ANN = Principal("user:ann", "ann", credential="c1")


def client(family: str, *, ends_in: float, maker: Principal = ANN) -> Principal:
    expires = time.time() + ends_in
    return Principal(
        f"token:{family}", family, kind="client", token=family, maker=maker, expires=expires
    )


async def test_a_lease_is_over_when_the_token_is() -> None:
    leases, over = Leases(), asyncio.Event()
    began = time.monotonic()
    leases.take(client("f", ends_in=0.05), lambda why: over.set() if why == "expired" else None)
    async with asyncio.timeout(30):
        await over.wait()
    assert time.monotonic() - began < 5
    assert len(leases) == 0


async def test_a_renewed_lease_goes_on() -> None:
    leases = Leases()
    over: list[str] = []
    done = asyncio.Event()
    renewed = leases.take(client("f", ends_in=0.02), over.append)
    leases.renew(renewed, client("f", ends_in=60))
    leases.take(client("g", ends_in=0.1), lambda _why: done.set())
    await done.wait()
    assert over == []
    leases.stop()
    assert len(leases) == 0


async def test_ending_a_name_ends_what_came_from_it() -> None:
    leases = Leases()
    over: dict[str, str] = {}
    told: list[bool] = []
    child = client("child", ends_in=60, maker=client("parent", ends_in=60))
    leases.take(child, lambda why: over.update(child=why))
    leases.take(Principal("user:bob", "bob"), lambda why: over.update(bob=why))
    leases.subscribe(lambda is_ended: told.append(is_ended(child)))
    for name in ("nobody", "parent"):
        leases.end(name)
    assert over == {"child": "ended"}
    assert told == [False, True]
    leases.take(child, lambda why: over.update(child=f"again {why}"))
    leases.end("c1")
    assert over == {"child": "again ended"}


async def test_a_lease_that_was_given_back_is_not_told() -> None:
    leases = Leases()
    over: list[str] = []
    leases.give_back(leases.take(ANN, over.append))
    leases.end("user:ann")
    assert over == []
