"""Tools on agents: the stop button, letting go of it, and who is at work."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.security.stop.switch import EVERYBODY, TARGET_LIMIT, Mode, Stop
from jupyter_mcp.toolsets.trust.tools.base import TrustTools

AgentMode = Literal["running", "read_only", "paused"]

Target = Annotated[
    str,
    Field(
        max_length=TARGET_LIMIT,
        description="'*' for all agents, a client's name, a principal as user:ann, or token:ID",
    ),
]


class StopState(Shape):
    """Who is stopped, by whom and since when."""

    target: str
    mode: Mode
    by: str
    at: float
    reason: str = ""


class Paused(Shape):
    """A stop that was made."""

    stop: StopState
    ended: int = Field(description="How many calls and jobs were cancelled")


class Resumed(Shape):
    """Stops that were taken away."""

    resumed: list[StopState]


class AgentState(Shape):
    """An agent that called lately."""

    principal: str
    name: str
    client: str
    token: str = ""
    last_call: float
    tool: str
    calls: int
    mode: AgentMode


class AgentsState(Shape):
    """The switch, and who called lately."""

    mode: AgentMode = Field(description="Of all agents")
    stops: list[StopState]
    agents: list[AgentState]


class AgentTools(TrustTools):
    """Tools on agents."""

    @tool(scope="edit", title="Pause agents", idempotent=True, restrains=True)
    async def agents_pause(
        self,
        ctx: Context,
        target: Target = EVERYBODY,
        mode: Annotated[Mode, Field(description="read_only lets reading through")] = "paused",
        keep_running: Annotated[bool, Field(description="Leave what runs now")] = False,
        reason: Annotated[str, Field(max_length=500, description="Told to the agents")] = "",
    ) -> Reply[Paused]:
        """Stop agents at once. What they run is cancelled; only a person lets them go on."""
        by = ctx.principal
        stop, ended = await self.trust.switch.stop(
            target, mode, by, reason=reason, keep_running=keep_running
        )
        line = f"{_whom(stop.target)} {_MODES[stop.mode]}; {ended} cancelled."
        return Reply(Paused(stop=_state(stop), ended=ended), [Text(line)])

    @tool(scope="admin", title="Let agents go on", idempotent=True)
    async def agents_resume(self, ctx: Context, target: Target = EVERYBODY) -> Reply[Resumed]:
        """Let stopped agents go on, all of them or one. A person's decision."""
        ended = await self.trust.switch.resume(target, ctx.principal)
        lines = [f"{_whom(stop.target)} may go on." for stop in ended] or ["Nobody was stopped."]
        return Reply(Resumed(resumed=[_state(stop) for stop in ended]), [Text("\n".join(lines))])

    @tool(scope="edit", read_only=True, title="Agents at work")
    async def agents_status(self) -> Reply[AgentsState]:
        """Which agents called lately, and which are stopped."""
        switch = self.trust.switch
        everybody = next((stop for stop in switch.stops if stop.target == EVERYBODY), None)
        agents = []
        for agent in self.trust.agents.all:
            stop = switch.find(agent.principal, agent.client)
            agents.append(
                AgentState(
                    principal=agent.principal.id,
                    name=agent.principal.name,
                    client=agent.client,
                    token=agent.principal.token,
                    last_call=agent.last,
                    tool=agent.tool,
                    calls=agent.calls,
                    mode=stop.mode if stop else "running",
                )
            )
        state = AgentsState(
            mode=everybody.mode if everybody else "running",
            stops=[_state(stop) for stop in switch.stops],
            agents=agents,
        )
        return Reply(state, [Text(_lines(state))])


_MODES = {"paused": "paused", "read_only": "read-only", "running": "running"}


def _state(stop: Stop) -> StopState:
    return StopState(target=stop.target, mode=stop.mode, by=stop.by, at=stop.at, reason=stop.reason)


def _whom(target: str) -> str:
    return "All agents" if target == EVERYBODY else target


def _lines(state: AgentsState) -> str:
    lines = [f"Agents: {_MODES[state.mode]}"]
    lines += [f"{_whom(stop.target)}: {_MODES[stop.mode]} by {stop.by}" for stop in state.stops]
    lines += [
        f"{agent.client or agent.name} ({agent.principal}): {_MODES[agent.mode]}, last {agent.tool}"
        for agent in state.agents
    ]
    return "\n".join(lines)
