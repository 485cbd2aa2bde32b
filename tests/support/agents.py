"""A link to an agent in a plain subprocess, for tests of what stands above it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_argv
from jupyter_mcp.toolsets.sandboxes.link import Link
from jupyter_mcp.toolsets.sandboxes.pipes import PipeChannel


@contextlib.asynccontextmanager
async def linked(
    folder: Path, env: Mapping[str, str] | None = None, limit_file: int | None = None
) -> AsyncIterator[Link]:
    """Give a link to an agent whose workspace is `folder`; nothing isolates it.

    Args:
        folder: The workspace.
        env: All variables of the agent; None for those of the test.
        limit_file: The most bytes of a file that it may write.
    """
    tasks = Supervisor()
    limits = [] if limit_file is None else ["prlimit", f"--fsize={limit_file}"]
    channel = await PipeChannel.open([*limits, *agent_argv(sys.executable)], cwd=folder, env=env)
    try:
        link = await Link.open(channel, tasks)
        yield link
        await link.close()
    finally:
        await tasks.stop()
        await channel.close()
