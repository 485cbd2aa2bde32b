"""Tries again what failed in passing, where a second try can do no harm.

Only what changes nothing, or nothing more, is repeated, and only after a failure that says of
itself that it will pass: ``upstream``, or ``unavailable`` with ``transient`` in its data. The
waits grow and are jittered, and a failure that names its own ``retry_after`` is heeded. It stands
inside of the deadline, so all tries together have the time of one call.
"""

from __future__ import annotations

import functools
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from typing import Any

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError

WAIT_SECONDS = 0.1
"""How long to wait before the second try; each further wait is twice as long."""

LONGEST_WAIT = 5.0
"""The longest wait; a failure that asks for more patience is told to the caller."""

_PRIVATE = "jupyter_mcp._stamina"


class Retry:
    """The policy.

    Args:
        attempts: How often a call is tried at most.
        wait: How many seconds to wait before the second try.
    """

    def __init__(self, attempts: int, wait: float = WAIT_SECONDS) -> None:
        self._attempts = attempts
        self._wait = wait

    async def __call__(self, call: Call, following: Following) -> Result:
        """Run the rest of the corridor, again if that may help."""
        try:
            return await following(call)
        except ToolError as error:
            operation = call.operation
            if not (operation.read_only or operation.idempotent) or self._attempts < 2:  # noqa: PLR2004
                raise
            if _patience(error) is False:
                raise
            first = error
        return await self._again(call, following, first)

    async def _again(self, call: Call, following: Following, first: ToolError) -> Result:
        attempts = _stamina().retry_context(
            _patience,
            attempts=self._attempts,
            timeout=None,
            wait_initial=self._wait,
            wait_jitter=self._wait,
            wait_max=LONGEST_WAIT,
        )
        async for attempt in attempts:
            with attempt:
                call.notes["attempts"] = attempt.num
                if attempt.num == 1:
                    raise first
                return await following(call)
        raise first  # not reached: the last attempt returns or raises


def _patience(error: Exception) -> bool | float:
    """Return whether to try again, or after how many seconds."""
    if not isinstance(error, ToolError):
        return False
    passes = error.code == "upstream" or (
        error.code == "unavailable" and error.data.get("transient") is True
    )
    wait = error.data.get("retry_after")
    if not passes or not isinstance(wait, int | float):
        return passes
    return float(wait) if wait <= LONGEST_WAIT else False


@functools.cache
def _stamina() -> Any:
    """Return a copy of stamina of our own.

    Its switches and hooks are global to the package: the first retry adds a metric to the process
    and a logger, and a program that turns retries off would turn off ours. This server is
    somebody else's process, so neither may happen; under a name of its own the package has a state
    of its own.
    """
    found = find_spec("stamina")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("stamina is not installed", name="stamina")
    spec = spec_from_file_location(
        _PRIVATE, found.origin, submodule_search_locations=found.submodule_search_locations
    )
    if spec is None or spec.loader is None:
        raise ImportError("stamina cannot be loaded", name="stamina")
    module = sys.modules[_PRIVATE] = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.instrumentation.set_on_retry_hooks(())
    return module
