"""What an agent gets over its channel once a sandbox has an owner: variables, secrets, a way out.

None of it is in the sandbox's own definition, so neither an engine's `inspect` nor a process list
shows it, and a member of the pool has none of it before its claim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mcp.storage.background import Spawner

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.egress.egress import EgressProxy
    from jupyter_mcp.toolsets.sandboxes.link.link import Link


@dataclass(frozen=True, slots=True)
class Worn:
    """What came with an agent and ends with it.

    Args:
        proxy: The way out; None where there is none.
    """

    proxy: EgressProxy | None = None

    async def stop(self) -> None:
        """End it."""
        if self.proxy is not None:
            await self.proxy.stop()


class Outfit:
    """Fits out agents.

    Args:
        settings: The administrator's settings.
        secrets: Returns who resolves references to secrets
            (`jupyter_mcp.security.secrets.secrets.Secrets`).
        tasks: The owner of background tasks.
    """

    def __init__(self, settings: Any, secrets: Callable[[], Any], tasks: Spawner) -> None:
        self._settings = settings
        self._secrets = secrets
        self._tasks = tasks

    async def put_on(self, link: Link, *, has_network: bool) -> Worn:
        """Give an agent the variables of its owner and, if it has one, the way out.

        Raises:
            ToolError: ``not_found`` for a secret that is not there.
        """
        variables = await self._secrets().resolve(dict(self._settings.sandbox_environment))
        if not (has_network and self._settings.sandbox_domains):
            await link.configure(variables)
            return Worn()
        from jupyter_mcp.toolsets.sandboxes.egress.egress import EgressProxy

        proxy = EgressProxy(link, self._settings.sandbox_domains, self._tasks)
        try:
            await link.configure(variables | await proxy.start())
        except BaseException:
            await proxy.stop()
            raise
        return Worn(proxy)
