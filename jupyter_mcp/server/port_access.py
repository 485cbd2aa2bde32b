"""Whether somebody may reach a port in a sandbox: asked at each request, from memory only.

The policy is asked the same question as when the port was exposed, so that what it takes away is
gone at once; a stopped agent gets nothing, and what goes on for it is cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from jupyter_mcp.calls.operation import Tool
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.stop.switch import Stop
    from jupyter_mcp.server.starter import Served
    from jupyter_mcp.workplace import Connection, WebPorts

TOOL = "port_expose"
MOST_TOLD = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """Something that goes on through a port.

    Args:
        principal: For whom.
        client: The client's own name for itself.
        cut: Ends it.
    """

    principal: Principal
    client: str
    cut: Callable[[], object]


class PortAccess:
    """The ports of one runtime, as the door to them sees them.

    Args:
        served: The runtime.
    """

    def __init__(self, served: Served) -> None:
        self._runtime = served.runtime
        self._told: set[tuple[str, str, str]] = set()
        self._visits: set[Visit] = set()
        served.runtime.trust.switch.stoppers.append(self._stop)

    async def check(self, principal: Principal, client: str, sandbox_id: str, port: int) -> str:
        """Return which exposure a caller may reach; the first time goes into the audit.

        Raises:
            ToolError: ``not_found``, ``forbidden``, ``paused``; ``unavailable`` without sandboxes.
        """
        trust = self._runtime.trust
        stop = trust.switch.find(principal, client)
        if stop is not None:
            what = f"'{stop.target}' was stopped by {stop.by}."
            raise ToolError("paused", what, "A person lets agents go on: jupyter mcp resume.")
        exposure = self._ports.exposure(sandbox_id, port, trust.policy.owner_seen(principal))
        values = {"port": port, "sandbox_id": sandbox_id}
        if not await trust.policy.allows(principal, self._tool, values):
            what = f"You may not reach port {port} of this sandbox."
            raise ToolError("forbidden", what, f"The policy has to allow '{TOOL}'.")
        self._tell(principal, client, sandbox_id, port, exposure)
        return exposure

    async def connect(self, principal: Principal, sandbox_id: str, port: int) -> Connection:
        """Connect to a port that `check` allowed."""
        owner = self._runtime.trust.policy.owner_seen(principal)
        return await self._ports.connect(sandbox_id, port, owner)

    def enter(
        self, principal: Principal, client: str, cut: Callable[[], object]
    ) -> Callable[[], None]:
        """Have `cut` called when the access behind a visit ends; return what ends the visit."""
        visit = Visit(principal, client, cut)
        lease = self._runtime.trust.leases.take(principal, lambda _why: cut())
        self._visits.add(visit)

        def leave() -> None:
            self._visits.discard(visit)
            self._runtime.trust.leases.give_back(lease)

        return leave

    @property
    def _ports(self) -> WebPorts:
        ports = self._runtime.host.neighbours.ports
        if ports is None:
            raise ToolError(
                "unavailable",
                "Ports need the 'sandboxes' toolset, which is not loaded.",
                "Add 'sandboxes' to the toolsets setting.",
            )
        return ports

    @property
    def _tool(self) -> Tool:
        catalog = self._runtime.catalog
        return catalog.tool(TOOL, catalog.selection("all"))

    def _tell(
        self, principal: Principal, client: str, sandbox_id: str, port: int, exposure: str
    ) -> None:
        """Record that somebody reaches an exposure: once, not at each request."""
        visitor = (principal.id, principal.credential, exposure)
        if visitor in self._told:
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(visitor)
        self._runtime.trust.audit.event(
            "port_opened",
            principal=principal.id,
            client=client,
            door="port",
            operation=TOOL,
            sandbox_id=sandbox_id,
            port=port,
        )

    def _stop(self, stop: Stop) -> int:
        concerned = [visit for visit in self._visits if stop.concerns(visit)]
        for visit in concerned:
            visit.cut()
        return len(concerned)
