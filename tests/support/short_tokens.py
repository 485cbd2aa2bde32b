"""A toolset that shortens what stands for five minutes: the tokens by which workflows act."""

from __future__ import annotations

import os

from jupyter_mcp import Host
from jupyter_mcp.security.tokens import tokens
from support.effects import Effects

VARIABLE = "TEST_ACTING_SECONDS"


class ShortTokens(Effects):
    """Effects, at a server whose workflows' tokens are good for some seconds."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        tokens.SECONDS = float(os.environ[VARIABLE])
