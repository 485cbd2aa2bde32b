"""Tokens without a server: their service on a real database, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.security.ground import Ground
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.signals import Signal, Signals
from jupyter_mcp.security.tokens.access import Access
from jupyter_mcp.security.tokens.leases import Leases
from jupyter_mcp.security.tokens.tokens import Issued, Tokens
from jupyter_mcp.storage import Storage
from support.clock import Clock

DAY = 86_400
ANN = Principal("user:ann", "ann", credential="ann's", kind="person")


class Mint:
    """The services of tokens.

    Args:
        folder: The state folder.
        clock: The clock of all of them.
    """

    def __init__(self, folder: Path, clock: Clock | None = None, **settings: Any) -> None:
        self.clock = clock or Clock()
        self.storage = Storage(folder)
        self.tasks = Supervisor()
        self.threads = Executor(2)
        self.signals = Signals()
        self.noted: list[Signal] = []
        self.signals.subscribe(self.noted.append)
        self.leases = Leases(self.clock)
        ground = Ground(Settings(**settings), folder, self.storage, self.tasks, self.threads)
        self.tokens = Tokens(ground, self.signals, self.leases, self.clock)
        self.access = Access(ground, self.signals, self.leases, self.clock)

    async def make(self, maker: Principal = ANN, *scopes: str, **options: Any) -> Issued:
        """Make a token for reading, or with `scopes`, for a day."""
        options = {"expires_seconds": DAY, **options}
        return await self.tokens.create(maker, scopes or ("read",), **options)

    async def client(self, maker: Principal = ANN, *scopes: str, **options: Any) -> Principal:
        """Make a token and return who shows it."""
        issued = await self.make(maker, *scopes, **options)
        return await self.tokens.principal_of(issued.access_token)


@asynccontextmanager
async def minting(folder: Path, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Mint]:
    """Start the services and stop them."""
    mint = Mint(folder, clock, **settings)
    await mint.tokens.start()
    await mint.access.start()
    try:
        yield mint
    finally:
        mint.leases.stop()
        await mint.tokens.stop()
        await mint.tasks.stop()
        mint.storage.stop()
        mint.threads.stop()
