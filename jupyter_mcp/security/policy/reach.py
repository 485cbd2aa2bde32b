"""How far a caller's right reaches: which of many paths they could use an operation on.

A call that names a path is judged by it before it runs. What a list or a search turns up was not,
so it is held against the same policy, path by path, where that says different things of different
paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_mcp.security.policy.policy import Policy
from jupyter_mcp.security.policy.rules import Effect, Operation
from jupyter_mcp.security.principal import Principal

Allows = Callable[[str], bool]
"""Says whether a caller could use an operation on a path."""

ALLOWED: frozenset[Effect] = frozenset({"allow"})
ASKED: frozenset[Effect] = frozenset({"allow", "ask"})
"""The same where what a person would have to approve counts as well."""


def reach(
    policy: Policy,
    principal: Principal,
    operation: Operation,
    values: Mapping[str, Any] | None = None,
    effects: frozenset[Effect] = ALLOWED,
) -> Allows:
    """Return what says whether a caller could use `operation` on a path.

    Args:
        policy: The policy in force.
        principal: Whose calls.
        operation: What they would use.
        values: Arguments that the rules may ask for besides the path.
        effects: What counts as a yes, where that differs by path.
    """
    settled = policy.verdict(principal, operation).settled
    if settled is not None:
        return lambda _path: settled.effect != "deny"
    given = dict(values or {})

    def allows(path: str) -> bool:
        decision = policy.decide(principal, operation, {**given, "path": path}, [path])
        return decision.effect in effects

    return allows


def is_uniform(policy: Policy, principal: Principal, operation: Operation) -> bool:
    """Return whether the policy says the same of `operation` on every path."""
    return policy.verdict(principal, operation).settled is not None
