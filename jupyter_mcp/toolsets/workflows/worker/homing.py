"""How a worker on another host finds out whose runs it does: it asks the server it was given.

Until the server has answered it does nothing: in a database of several servers there may be runs
of others. What it has learned is kept in its state folder, so that it is asked once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

from jupyter_mcp.security.worker_key import read
from jupyter_mcp.toolsets.workflows.worker.door import Away, Reach, Waiting
from jupyter_mcp.toolsets.workflows.worker.granting import ask_home
from jupyter_mcp.toolsets.workflows.worker.options import Options

PAUSE_SECONDS = 1.0
"""After how long a server that gave no answer is asked again."""

_log = logging.getLogger(__name__)


async def at_home(options: Options, reach: Reach, stop: asyncio.Event) -> Options | None:
    """Return options that say whose runs a worker does; None when it was stopped before.

    Args:
        options: What the worker knows.
        reach: The way to its server.
        stop: Set when it has to end.
    """
    told = ""
    while not stop.is_set():
        try:
            found = await asyncio.to_thread(_ask, options, reach)
        except (Away, Waiting) as why:
            if why.reason != told:
                told = why.reason
                _log.warning("Whose workflows they are is not known yet: %s.", told)
        else:
            learned = replace(options, home=found)
            await asyncio.to_thread(learned.write)
            return learned
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_SECONDS):
                await stop.wait()
    return None


def _ask(options: Options, reach: Reach) -> str:
    try:
        key = read(options.key)
    except (OSError, ValueError) as error:
        raise Waiting(f"the worker's key cannot be read: {error}") from None
    if not key:
        raise Waiting(f"there is no file {options.key.name} with the server's key")
    (base_url,) = reach.find()
    return ask_home(base_url, key)
