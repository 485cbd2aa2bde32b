"""What all tools of trust stand on."""

from __future__ import annotations

from jupyter_mcp.calls import Host, Toolset
from jupyter_mcp.security.trust import Trust as Services


class TrustTools(Toolset):
    """Has the services of trust at hand."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.trust: Services = host.trust
