"""Which agents called lately, so that a person can see whom to stop.

Memory only, and bounded: the audit is what keeps everything.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal

KEPT = 200
"""How many agents are remembered; the one that called least lately goes."""


@dataclass(slots=True)
class Agent:
    """Somebody who called.

    Args:
        principal: Who.
        client: The client's name and version, as it told.
        last: Unix time of the last call.
        tool: What it asked for.
        calls: How many calls there were.
    """

    principal: Principal
    client: str
    last: float = 0.0
    tool: str = ""
    calls: int = 0


class Agents:
    """The agents that called lately.

    Args:
        clock: Returns the Unix time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], Agent] = OrderedDict()

    def saw(self, principal: Principal, client: str, tool: str) -> None:
        """Take note of a call."""
        key = (principal.id, client)
        agent = self._seen.get(key)
        if agent is None:
            agent = self._seen[key] = Agent(principal, client)
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(key)
        agent.principal, agent.tool, agent.last = principal, tool, self._clock()
        agent.calls += 1

    @property
    def all(self) -> list[Agent]:
        """The agents, the one that called last first."""
        return list(reversed(self._seen.values()))
