"""Which store is shared: Redis where it is configured and can be used, else the database."""

from __future__ import annotations

from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner, Threads
from jupyter_mcp.storage.engine import Storage
from jupyter_mcp.storage.redis import RedisLink, RedisStore
from jupyter_mcp.storage.sql_store import SqlStore, namespace_of


class Shared:
    """What this server shares with its replicas.

    Args:
        storage: The database.
        redis_url: Redis; empty for none.
        state: The state folder.
        tasks: The owner of background tasks.
        threads: Threads for blocking work.
    """

    def __init__(
        self, storage: Storage, redis_url: str, state: Path, tasks: Spawner, threads: Threads
    ) -> None:
        self._threads = threads
        namespace = namespace_of(state)
        self._link = RedisLink(redis_url, namespace, tasks) if redis_url else None
        self.redis: RedisLink | None = None
        self.store: SqlStore | RedisStore = SqlStore(storage, namespace)
        self.problem = ""

    async def start(self) -> None:
        """Reach for Redis where one is configured.

        One that does not answer is waited for in the background; one that cannot be used at all is
        a `problem`, and the server goes on alone.
        """
        if self._link is None:
            return
        try:
            await self._threads.run(self._link.prepare)
        except ToolError as error:
            self.problem = str(error)
            return
        await self._link.start()
        self.redis, self.store = self._link, RedisStore(self._link)

    async def stop(self) -> None:
        """Close the connections."""
        if self.redis is not None:
            await self.redis.stop()
