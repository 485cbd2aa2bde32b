"""What the panel shows of trust: whether agents may act, and which calls wait for a yes.

It is part of the status, which the panel asks for anyway, and no call: a page that looks once a
second must not fill the audit. Who may not answer sees neither the questions nor who is stopped.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_mcp.security.stop.switch import EVERYBODY

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.trust import Trust


def trust_state(trust: Trust, principal: Principal) -> dict[str, Any]:
    """Return the parts ``agents`` and, for whoever may answer, ``approvals``."""
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
