"""Many rules that ask the same thing of a call, asked at once.

A policy of hundreds of rules mostly has hundreds of the same kind: this folder, that folder.
Whether any of them holds is one look at all their globs or prefixes together; only then it matters
which.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from jupyter_mcp.security.policy.paths import Globs
from jupyter_mcp.security.policy.rules import Effect, Facts, Rule

FEWEST = 4
"""From how many rules on it is quicker to ask first whether any of them holds."""

PATHS = "paths"


class Bundle:
    """Rules with one effect that ask one thing.

    Args:
        kind: What they ask: of the notebooks, or one test of one argument.
        rules: The rules.
    """

    __slots__ = ("_argument", "_globs", "_prefixes", "_texts", "effect", "rules")

    is_conditional = True

    def __init__(self, kind: Hashable, rules: Sequence[Rule]) -> None:
        self.effect: Effect = rules[0].effect
        self.rules = tuple(rules)
        self._argument: str | None = None
        self._globs = self._prefixes = self._texts = None
        if kind == PATHS:
            self._globs = Globs(
                p for rule in rules if rule.resources for p in rule.resources.patterns
            )
            return
        wanted = [rule.conditions[0].wanted for rule in rules]
        self._argument, test = rules[0].conditions[0].argument, rules[0].conditions[0].test
        if test == "prefix":
            self._prefixes = tuple(wanted)
        elif test == "glob":
            self._globs = Globs(pattern for globs in wanted for pattern in globs.patterns)
        else:
            self._texts = frozenset(each for each in _flat(wanted) if isinstance(each, str))

    def holding(self, facts: Facts) -> Rule | None:
        """Return the first rule that is about the call."""
        if not self._may_hold(facts):
            return None
        return next((rule for rule in self.rules if rule.holds(facts)), None)

    def _may_hold(self, facts: Facts) -> bool:
        if self._argument is None:
            return facts.paths is None or any(path in (self._globs or ()) for path in facts.paths)
        value = facts.values.get(self._argument)
        if not isinstance(value, str):
            return value is not None or self._texts is not None
        if self._prefixes is not None:
            return value.startswith(self._prefixes)
        return value in (self._globs if self._texts is None else self._texts)  # type: ignore[operator]


def bundled(rules: Sequence[Rule]) -> tuple[Rule | Bundle, ...]:
    """Return rules in the order in which their effects win, those that ask the same as one."""
    made: list[Rule | Bundle] = []
    for effect in ("deny", "ask", "allow"):
        kinds: dict[Hashable, list[Rule]] = {}
        for rule in rules:
            if rule.effect == effect:
                kinds.setdefault(_kind(rule), []).append(rule)
        for kind, alike in kinds.items():
            made += alike if kind is None or len(alike) < FEWEST else [Bundle(kind, alike)]
    return tuple(made)


def _kind(rule: Rule) -> Hashable:
    """Return what a rule asks where it asks one thing; None for all else."""
    if rule.resources is not None and rule.outside is None and not rule.conditions:
        return PATHS
    if rule.asks_paths or len(rule.conditions) != 1:
        return None
    condition = rule.conditions[0]
    test = "equals" if condition.test == "in" else condition.test
    return (condition.argument, test)


def _flat(values: Sequence[Any]) -> list[Any]:
    return [each for value in values for each in (value if isinstance(value, tuple) else (value,))]
