"""A runtime without a Jupyter server, for tests of the corridor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_mcp.calls import Toolset
from jupyter_mcp.config import Settings
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.principal import ALL_SCOPES, Principal

OWNER = Principal(id="user:owner", name="owner", scopes=ALL_SCOPES)
PERSON = Principal(id="user:owner", name="owner", kind="person")
"""The owner at the machine, who is not asked before a kernel is stopped."""

READER = Principal(id="user:reader", name="reader", scopes=frozenset({"read"}))


@asynccontextmanager
async def running(
    folder: Path, *toolsets: type[Toolset], **settings: Any
) -> AsyncIterator[Runtime]:
    """Start a runtime with `toolsets` beside the built-in ones, and stop it."""
    runtime = Runtime(Settings(state_dir=str(folder), **settings))
    await runtime.start()
    try:
        for toolset in toolsets:
            runtime.catalog.add(toolset(runtime.host))
        if toolsets and settings.get("policy_file"):
            await runtime.trust.policy.reload()  # it may name what came just now
        yield runtime
    finally:
        await runtime.stop()


async def call(
    runtime: Runtime, name: str, /, principal: Principal = OWNER, **arguments: Any
) -> Any:
    """Call a tool of any toolset."""
    selection = runtime.catalog.selection("all")
    return await runtime.call_tool(name, arguments, principal, "test", selection=selection)
