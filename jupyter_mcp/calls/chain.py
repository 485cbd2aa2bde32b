"""Policies around an endpoint, composed once.

A policy is a callable `(call, following) -> Result`; the chain is built when the corridor is built,
so that a call walks from one to the next and over no list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.content import Result

Following = Callable[[Call], Awaitable[Result]]


class Policy(Protocol):
    """One door of the corridor."""

    async def __call__(self, call: Call, following: Following) -> Result:
        """Let `call` pass by `following(call)`, change it, or refuse it with a ToolError."""
        ...


def chain(policies: Sequence[Policy], endpoint: Following) -> Following:
    """Return one callable that walks `policies` in order and ends in `endpoint`."""
    following = endpoint
    for policy in reversed(policies):
        following = partial(policy, following=following)
    return following
