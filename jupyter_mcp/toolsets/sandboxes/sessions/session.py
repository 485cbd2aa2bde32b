"""One sandbox as its owner knows it: what was promised, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities

Status = Literal["running", "paused", "detached"]
"""``detached``: the sandbox is there and its agent is not connected to this server; it is at the
next call."""


@dataclass(frozen=True, slots=True)
class Session:
    """A sandbox with its promises.

    Args:
        handle: The sandbox as its backend finds it.
        capabilities: What its backend really enforces.
        idle_ends: Unix time at which it ends when nobody uses it; each use puts it off. It stands
            still while the sandbox is paused, when it is None.
        ends: Unix time of the absolute end; None while paused.
        timeout: Seconds without use after which it ends.
        has_network: Whether the egress proxy lets something out.
        status: What it does now.
        reattached: Whether its agent was started again since it was made: files are kept, what
            ran before has ended.
        is_full: Whether its workspace holds more than it may, so that writing is refused.
        is_bare: Whether there is no python3 in its image, as its agent, once attached, has told.
    """

    handle: Handle
    capabilities: Capabilities
    idle_ends: float | None
    ends: float | None
    timeout: float
    has_network: bool
    status: Status
    reattached: bool = False
    is_full: bool = False
    is_bare: bool = False

    @property
    def id(self) -> str:
        """Its identifier."""
        return self.handle.spec.id

    @property
    def name(self) -> str:
        """What the owner calls it; empty for none."""
        return self.handle.spec.name

    @property
    def owner(self) -> str:
        """Identifier of the principal it belongs to."""
        return self.handle.spec.owner

    @property
    def is_closed(self) -> bool:
        """Whether what runs in it can change nothing outside.

        A network does not count: the policy asks a person when a sandbox gets one.
        """
        lends = any(not mount.read_only for mount in self.handle.spec.mounts)
        return self.capabilities.isolation.rank > 0 and not lends

    @property
    def expires(self) -> float | None:
        """Unix time at which it ends if nobody uses it again; None while paused."""
        if self.idle_ends is None or self.ends is None:
            return None
        return min(self.idle_ends, self.ends)
