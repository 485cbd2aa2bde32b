"""A toolset that does one small thing of each kind, so that tests can watch what the wire does."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import Annotated, Any

from pydantic import BaseModel, Field

from jupyter_mcp import (
    Context,
    Host,
    Link,
    Reply,
    Text,
    ToolError,
    Toolset,
    completer,
    prompt,
    resource,
    tool,
)
from jupyter_mcp.calls.events import ResourcesChanged, ResourceUpdated, ToolsChanged


class Name(BaseModel):
    """What the probe asks a person for."""

    name: str


class Caller(BaseModel):
    """Who a tool believes has called it."""

    id: str
    name: str
    client: str
    scopes: list[str]


class Probe(Toolset):
    """Small tools."""

    name = "probe"
    title = "Probe"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.runs: Counter[str] = Counter()
        self.began: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.cancelled: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @tool(scope="read", title="Echo")
    async def probe_echo(self, text: str) -> str:
        """Return the text."""
        return text

    @tool(scope="read")
    def probe_add(self, a: int, b: int) -> int:
        """Add two numbers, in a thread."""
        return a + b

    @tool(scope="edit")
    async def probe_write(self, ctx: Context) -> str:
        """Need the scope edit, and nobody's approval."""
        return ctx.principal.id

    @tool(scope="edit", destructive=True)
    async def probe_edit(self, ctx: Context) -> str:
        """Need the scope edit."""
        return ctx.principal.id

    @tool(scope="read")
    async def probe_who(self, ctx: Context) -> Caller:
        """Tell who calls."""
        who = ctx.principal
        return Caller(id=who.id, name=who.name, client=ctx.client, scopes=sorted(who.scopes))

    @tool(scope="read")
    async def probe_count(self, ctx: Context, steps: int) -> str:
        """Tell progress and a line of log at each step."""
        for step in range(1, steps + 1):
            await ctx.progress(step, steps, f"step {step}")
            await ctx.log("info", f"step {step}")
            await asyncio.sleep(0.05)
        return "done"

    @tool(scope="read")
    async def probe_wait(self, mark: str) -> str:
        """Wait until somebody cancels."""
        self.began[mark].set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled[mark].set()
            raise
        return "never"

    @tool(scope="read")
    async def probe_began(self, mark: str) -> bool:
        """Return once `probe_wait` runs under this mark, at most 30 s later."""
        async with asyncio.timeout(30):
            return await self.began[mark].wait()

    @tool(scope="read")
    async def probe_was_cancelled(self, mark: str) -> bool:
        """Return once it was cancelled, at most 30 s later."""
        async with asyncio.timeout(30):
            return await self.cancelled[mark].wait()

    @tool(scope="read")
    async def probe_ask(self, ctx: Context, mark: str) -> str:
        """Ask for a name and tell how often this ran."""
        self.runs[mark] += 1
        await ctx.progress(1, 2, "about to ask")
        answer = await ctx.ask("What is your name?", Name)
        return f"{answer.action} {answer.content.get('name', '-')}, run {self.runs[mark]}"

    @tool(scope="read")
    async def probe_fail(self, kind: str) -> Reply[Caller]:
        """Fail as a tool does (`told`), or as a programmer does."""
        if kind == "told":
            raise ToolError("conflict", "The cell has changed.", "Read it again.")
        raise RuntimeError("secret /etc/path in a message")

    @tool(scope="read")
    async def probe_odd(self) -> Any:
        """Return what JSON and UTF-8 cannot carry."""
        return Reply(None, [Text("half a pair: \ud83d")], meta={"nan": float("nan")})

    @tool(scope="read")
    async def probe_flood(self, ctx: Context, count: int, size: int) -> str:
        """Tell a lot of progress."""
        for step in range(count):
            await ctx.progress(step, count, "x" * size)
        return "done"

    @tool(scope="read")
    async def probe_touch(self, uri: str) -> str:
        """Tell that a resource and the lists changed."""
        for event in (ResourceUpdated(uri), ResourcesChanged(), ToolsChanged()):
            self.host.events.publish(event)
        return "told"

    @tool(scope="read")
    async def probe_region(
        self, region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]
    ) -> str:
        """Take an argument that clients mirror in a header."""
        return region

    @resource("probe://note/{name}", name="note", title="A note", mime="text/plain")
    async def note(self, name: str) -> str:
        """A note."""
        if name == "missing":
            raise ToolError("not_found", "There is no such note.", "Choose another.")
        return f"note {name}"

    @resource("probe://fixed", name="fixed", mime="application/octet-stream")
    async def fixed(self) -> bytes:
        """Some bytes."""
        return b"\x00\x01"

    async def resources(self, ctx: Context) -> list[Link]:
        """Return a note for the caller."""
        return [Link(uri=f"probe://note/{ctx.principal.name}", name="yours", mime="text/plain")]

    @prompt(title="Explain")
    async def probe_explain(self, topic: str, tone: str = "plain") -> list[Any]:
        """Explain a topic."""
        return [Text(f"Explain {topic} in a {tone} way."), Link("probe://fixed", "fixed")]

    @completer("topic")
    async def topics(self, prefix: str, given: dict[str, str]) -> list[str]:
        """Complete a topic."""
        found = [f"{given.get('tone', '')}{word}" for word in ("plots", "places", "tables")]
        return [word for word in found if word.startswith(prefix)]

    @completer("name")
    async def names(self, prefix: str, given: dict[str, str]) -> list[str]:
        """Complete the name of a note, with more values than one answer may carry."""
        del given
        return [f"{prefix}{number}" for number in range(150)]
