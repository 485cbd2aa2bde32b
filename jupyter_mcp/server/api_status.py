"""The status: what the panel shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_mcp.server.api import ApiHandler
from jupyter_mcp.server.challenge import server_url

if TYPE_CHECKING:
    from jupyter_mcp.policies.call_log import Entry
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.trust import Trust
    from jupyter_mcp.server.starter import Served

RECENT = 20
"""How many ended calls the status shows."""


class StatusHandler(ApiHandler):
    """``GET status``: what the panel shows. It starts nothing, and is no sign of life."""

    tracks_activity = False

    @allow_unauthenticated  # the door stands inside
    async def get(self) -> None:
        """Answer the status."""
        await self.guarded(self._tell)

    async def _tell(self, principal: Principal) -> None:
        served = self.extension.starter.served
        told: dict[str, Any] = {
            "version": self.extension.version_of_ours,
            "endpoint": f"{server_url(self)}mcp",
            "state": "idle" if served is None else "ready",
            "toolsets": [],
            "tools": 0,
            "problems": [],
            "calls": {"running": [], "recent": [], "total": 0, "failed": 0},
        }
        if served is not None:
            told |= _state(served, principal)
            told |= _trust(served.runtime.trust, principal)
        self.answer(told)


def _state(served: Served, principal: Principal) -> dict[str, Any]:
    runtime, owner = served.runtime, served.runtime.trust.policy.owner_seen(principal)
    selection = runtime.catalog.selection("all", principal.toolsets)
    view = runtime.catalog.view(principal, selection)
    counts = {toolset.name: 0 for toolset in view.toolsets}
    for tool in view.tools.values():
        counts[tool.toolset] += 1
    running = [e for e in runtime.calls.running.values() if _sees(owner, e)]
    recent = [e for e in reversed(runtime.calls.recent.values()) if _sees(owner, e)]
    return {
        "toolsets": [
            {"name": ts.name, "title": ts.title, "tools": counts[ts.name]} for ts in view.toolsets
        ],
        "tools": len(view.tools),
        "problems": [
            {"plugin": p.plugin, "package": p.package, "reason": p.reason}
            for p in runtime.all_problems
        ],
        "calls": {
            "running": [entry.to_json() for entry in running],
            "recent": [entry.to_json() for entry in recent[:RECENT]],
            "total": runtime.calls.total,
            "failed": runtime.calls.failed,
        },
    }


def _trust(trust: Trust, principal: Principal) -> dict[str, Any]:
    """Return the parts ``agents`` and, for whoever may answer, ``approvals``.

    They are part of the status, which the panel asks for anyway, and no call: a page that looks
    once a second must not fill the audit. Who may not answer sees neither the questions nor who is
    stopped.
    """
    from jupyter_mcp.security.stop.switch import EVERYBODY

    stops = [asdict(stop) for stop in trust.switch.stops]
    everybody = next((stop for stop in stops if stop["target"] == EVERYBODY), None)
    agents: dict[str, Any] = {"mode": everybody["mode"] if everybody else "running"}
    if everybody:
        agents |= {key: everybody[key] for key in ("by", "at", "reason")}
    if not trust.approvals.may_answer(principal):
        return {"agents": agents}
    agents["stops"] = stops
    waiting = [question.to_json() for question in trust.approvals.waiting()]
    return {"agents": agents, "approvals": {"waiting": waiting}}


def _sees(owner: str | None, entry: Entry) -> bool:
    return owner is None or entry.call.principal.id == owner
