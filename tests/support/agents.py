"""A link to an agent in a plain subprocess, for tests of what stands above it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_argv
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from support.pipes import PipeChannel


@contextlib.asynccontextmanager
async def linked(
    folder: Path,
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
    python: str = sys.executable,
) -> AsyncIterator[Link]:
    """Give a link to an agent whose workspace is `folder`; nothing isolates it.

    Args:
        folder: The workspace.
        env: All variables of the agent; None for those of the test.
        before: A program that starts the agent, such as one that sets limits.
        python: What the agent runs on.
    """
    tasks = Supervisor()
    channel = await PipeChannel.open([*before, *agent_argv(python)], cwd=folder, env=env)
    try:
        link = await Link.open(channel, tasks)
        yield link
        await link.close()
    finally:
        await tasks.stop()
        await channel.close()
