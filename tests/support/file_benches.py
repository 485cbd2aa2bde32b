"""The tools of files in one place, as a client calls them, and who may use only some paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jupyter_mcp.calls import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal
from support.runtimes import PERSON
from support.workshops import Workshop

BACKEND = "bubblewrap"


def settings(**more: Any) -> dict[str, Any]:
    """Return the settings of a server with sandboxes and small files."""
    common = {"sandbox_backends": (BACKEND,), "sandbox_pool": 0, "file_bytes": 1_000_000}
    return {**common, **more}


class Bench:
    """The tools of files in one place: the Jupyter root or a sandbox.

    Args:
        shop: The server.
        sandbox_id: The sandbox; empty for the Jupyter root.
    """

    def __init__(self, shop: Workshop, sandbox_id: str = "") -> None:
        self.shop = shop
        self.root = shop.root
        self.sandbox_id = sandbox_id

    @property
    def where(self) -> dict[str, str]:
        return {"sandbox_id": self.sandbox_id} if self.sandbox_id else {}

    async def ask(self, tool: str, principal: Principal = PERSON, **arguments: Any) -> Result:
        """Call a tool in this place; what goes wrong is in the result."""
        runtime = self.shop.runtime
        selection = runtime.catalog.selection("all")
        result: Result = await runtime.call_tool(
            tool, {**self.where, **arguments}, principal, "test", selection=selection
        )
        return result

    async def do(self, tool: str, principal: Principal = PERSON, **arguments: Any) -> Any:
        """Call a tool that must not fail, and return its structured value."""
        result = await self.ask(tool, principal, **arguments)
        assert not result.is_error, result
        return result.structured

    async def refused(
        self, tool: str, principal: Principal = PERSON, **arguments: Any
    ) -> ToolError:
        """Call a tool that must be refused, and return the error, which has a remedy."""
        result = await self.ask(tool, principal, **arguments)
        assert result.error is not None, result
        assert result.error.remedy, result.error
        return result.error

    async def clear(self) -> None:
        """Remove all that is in the place."""
        runtime = self.shop.runtime
        place = await runtime.host.neighbours.place(self.sandbox_id, None)
        for entry in await place.list(""):
            await place.delete(entry.path, recursive=True)

    async def text(self, path: str) -> str:
        return str((await self.do("file_read", path=path))["content"])

    async def names(self, path: str = "", **more: Any) -> list[str]:
        listing = await self.do("file_list", path=path, **more)
        return [entry["path"] for entry in listing["entries"]]


def narrow(*notebooks: str) -> Principal:
    """Return who shows a token that is good for some paths only."""
    return replace(
        PERSON,
        id="token:narrow",
        name="narrow",
        kind="client",
        token="narrow",
        maker=PERSON,
        notebooks=notebooks,
    )


async def box_in(shop: Workshop, **wish: Any) -> Bench:
    """Create a sandbox."""
    made = await shop.do("sandbox_create", **wish)
    return Bench(shop, made["sandbox_id"])
