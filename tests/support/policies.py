"""Calls for tests of single policies: an operation, a principal and the rest of a corridor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.calls import Call, Result, Text
from jupyter_mcp.calls.operation import Tool
from jupyter_mcp.calls.schema import Signature
from jupyter_mcp.security.principal import ALL_SCOPES, Principal

CLIENT = Principal("token:abc", "client", ALL_SCOPES, kind="client", token="abc")
OTHER = Principal("token:def", "other", ALL_SCOPES, kind="client", token="def")


def operation(name: str = "t", **options: Any) -> Tool:
    """Return a tool that no toolset offers."""
    function = options.pop("function", lambda: None)
    common = {
        "scope": "execute",
        "toolset": "bench",
        "function": function,
        "signature": Signature(name, function),
    }
    return Tool(name=name, **{**common, **options})


def a_call(tool: Tool | None = None, principal: Principal = CLIENT, **options: Any) -> Call:
    """Return a call whose arguments are valid already."""
    values: Mapping[str, Any] = options.pop("values", {})
    call = Call(tool or operation(), values, principal, "test", **options)
    call.values = dict(values)
    return call


async def done(_call: Call) -> Result:
    """What the rest of the corridor answers."""
    return Result((Text("ok"),))


class Held:
    """The rest of a corridor in which calls stay until they are let go, one by one."""

    def __init__(self) -> None:
        self.began: list[Call] = []
        self._gates: dict[str, asyncio.Event] = {}
        self._news = asyncio.Condition()

    async def __call__(self, call: Call) -> Result:
        gate = self._gates[call.id] = asyncio.Event()
        self.began.append(call)
        async with self._news:
            self._news.notify_all()
        await gate.wait()
        return Result((Text(call.id),))

    def let_go(self, call: Call) -> None:
        """Let a call end."""
        self._gates[call.id].set()

    async def until(self, count: int) -> None:
        """Wait until so many calls have begun."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: len(self.began) >= count)


async def turn(times: int = 5) -> None:
    """Let every task that can go on do so."""
    for _ in range(times):
        await asyncio.sleep(0)
