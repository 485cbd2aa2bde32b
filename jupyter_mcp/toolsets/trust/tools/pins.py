"""Tools on pins: what third-party tools say of themselves, and what is held back."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.untrusted.pins import Pin, State
from jupyter_mcp.toolsets.trust.tools.base import TrustTools

Source = Annotated[str, Field(description="The package or server, as pin_list names it")]
ToolName = Annotated[str | None, Field(description="The tool; all of the source that wait if none")]


class PinFinding(Shape):
    """Something in a definition that seems to be written for a model."""

    kind: str
    place: str
    excerpt: str = Field(description="With everything that cannot be seen written out")


class PinState(Shape):
    """What is known of one third-party tool."""

    source: str
    tool: str
    state: State
    by: str = Field(description="Who approved or rejected it; empty while it waits")
    at: float
    diff: str = Field(description="What changed since it was approved; empty when nothing")
    findings: list[PinFinding]


class PinList(Shape):
    """Pins."""

    pins: list[PinState]


class PinTools(TrustTools):
    """Tools on pins."""

    @tool(scope="admin", read_only=True, title="List third-party tools")
    async def pin_list(self) -> Reply[PinList]:
        """Tools of other packages and servers: which are held back, why, and what changed."""
        return _reply(await self.trust.pins.all(), "There are no third-party tools.")

    @tool(scope="admin", title="Approve a third-party tool")
    async def pin_approve(
        self, ctx: Context, source: Source, tool: ToolName = None
    ) -> Reply[PinList]:
        """Let a third-party tool that is held back be called as it is now."""
        by = self._decider(ctx)
        return _reply(await self.trust.pins.approve(source, tool, by), "")

    @tool(scope="admin", title="Reject a third-party tool", restrains=True)
    async def pin_reject(
        self, ctx: Context, source: Source, tool: ToolName = None
    ) -> Reply[PinList]:
        """Hold a third-party tool back until it is what it was, or somebody approves it."""
        return _reply(await self.trust.pins.reject(source, tool, ctx.principal.name), "")

    def _decider(self, ctx: Context) -> str:
        if not self.trust.policy.decides(ctx.principal):
            raise ToolError(
                "forbidden",
                f"'{ctx.principal.name}' may not approve tools.",
                "A person does it: jupyter mcp pins approve SOURCE [TOOL]",
            )
        return ctx.principal.name


def _reply(pins: list[Pin], none: str) -> Reply[PinList]:
    states = [
        PinState(
            source=pin.source,
            tool=pin.tool,
            state=pin.state,
            by=pin.by,
            at=pin.at,
            diff=pin.diff,
            findings=[PinFinding(**finding.to_json()) for finding in pin.findings],
        )
        for pin in pins
    ]
    lines = [line for state in states for line in _lines(state)]
    return Reply(PinList(pins=states), [Text("\n".join(lines) or none)])


def _lines(state: PinState) -> list[str]:
    by = f" by {state.by}" if state.by else ""
    found = [f"  {each.kind} in {each.place}: {each.excerpt}" for each in state.findings]
    diff = [f"  {line}" for line in state.diff.splitlines()]
    return [f"{state.source} {state.tool}: {state.state}{by}", *found, *diff]
