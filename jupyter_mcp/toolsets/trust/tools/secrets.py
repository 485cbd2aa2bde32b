"""Tools on secrets: which there are, and never what they are.

There is no tool that sets one either: a value must not travel as an argument of a call.
"""

from __future__ import annotations

from pydantic import Field

from jupyter_mcp.calls import Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.security.secrets.file import Place
from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class SecretState(Shape):
    """That there is a secret."""

    name: str
    store: Place = Field(description="Where its value lies")
    set_at: float


class SecretList(Shape):
    """The names of all secrets."""

    secrets: list[SecretState]


class SecretTools(TrustTools):
    """Tools on secrets."""

    @tool(scope="admin", read_only=True, title="List secrets")
    async def secret_list(self) -> Reply[SecretList]:
        """Names of the account's secrets; set them with: jupyter mcp secret set NAME."""
        found = await self.trust.secrets.names()
        states = [SecretState(name=each.name, store=each.store, set_at=each.at) for each in found]
        lines = "\n".join(f"{each.name} ({each.store})" for each in found)
        return Reply(SecretList(secrets=states), [Text(lines or "There are no secrets.")])
