"""What a policy says of one operation for one kind of caller, worked out once.

Deny wins, then ask, then allow. Where no rule says anything, what only reads is allowed and all
else is denied. Beside the rules stands what a credential is limited to: both have to allow. Most
operations are settled by that alone; for the rest the conditions that are left are kept, and a
call looks at nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_mcp.security.policy.bundles import Bundle, bundled
from jupyter_mcp.security.policy.paths import Globs
from jupyter_mcp.security.policy.roles import CLOSED
from jupyter_mcp.security.policy.rules import Effect, Facts, Operation, Rule, facts_of

Lack = Literal["", "scope", "toolset", "notebook", "rule", "closed"]
"""What a denied caller lacks."""

STRICTNESS: Mapping[Effect, int] = {"allow": 0, "ask": 1, "deny": 2}
KEPT = 4096
"""How many decisions on paths and arguments are kept; each takes well under 1 KB."""

KEPT_TEXT = 200
"""The most characters of paths and arguments for which a decision is kept."""

ORDERS = 256
"""How many sets of rules that matter to some operation are remembered."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy decided.

    Args:
        effect: Whether the call may go on, has to be approved by a person, or is refused.
        rule: Where that stands: a file and line, a shipped role, or what the credential lacks.
        reason: Why, in the words of the rule's author.
        lack: What a denied caller lacks.
        source: The rule that decided; None where none did.
        detail: What the credential is limited to, where that was in the way.
    """

    effect: Effect
    rule: str
    reason: str = ""
    lack: Lack = ""
    source: Rule | None = None
    detail: str = ""


READS = Decision("allow", "default: what only reads is allowed")
NOT_ALLOWED = Decision("deny", "default: no rule allows it", lack="scope")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a credential is limited to, whatever the roles of its holder allow.

    Args:
        scopes: The scopes that it carries.
        toolsets: The toolsets; None for all.
        notebooks: Globs of notebooks, as they were given; empty for all.
        globs: The same, compiled.
    """

    scopes: frozenset[str]
    toolsets: frozenset[str] | None = None
    notebooks: tuple[str, ...] = ()
    globs: Globs | None = field(default=None, compare=False)

    def forbids(self, operation: Operation) -> Decision | None:
        """Return why no call of `operation` gets through, if none does."""
        if operation.scope not in self.scopes:
            return Decision("deny", f"credential: no scope {operation.scope}", lack="scope")
        if self.toolsets is not None and operation.toolset not in self.toolsets:
            told = ", ".join(sorted(self.toolsets)) or "none"
            return Decision("deny", "credential: toolsets", lack="toolset", detail=told)
        if self.globs is not None and not operation.places and not operation.pathless:
            return self._elsewhere()
        return None

    def forbids_paths(self, operation: Operation, paths: Sequence[str] | None) -> Decision | None:
        """Return why a call that touches `paths` does not get through, if it does not."""
        if self.globs is None or operation.pathless:
            return None
        if not paths:
            return self._elsewhere()
        return None if all(path in self.globs for path in paths) else self._elsewhere()

    def _elsewhere(self) -> Decision:
        told = ", ".join(self.notebooks)
        return Decision("deny", "credential: notebooks", lack="notebook", detail=told)


@dataclass(slots=True)
class Memo:
    """What one policy remembers for all operations and callers.

    Args:
        decisions: Decisions on paths and arguments, by verdict and by what they depend on.
        orders: Rules in the order in which they are asked, by the rules that matter.
    """

    decisions: dict[Any, Decision] = field(default_factory=dict)
    orders: dict[tuple[Rule, ...], tuple[Rule | Bundle, ...]] = field(default_factory=dict)

    def keep(self, key: Any, decision: Decision) -> None:
        """Keep a decision; when there are too many all go."""
        if len(self.decisions) >= KEPT:
            self.decisions.clear()
        self.decisions[key] = decision

    def order(self, rules: Sequence[Rule]) -> tuple[Rule | Bundle, ...]:
        """Return rules in the order in which they are asked; many operations have the same."""
        key = tuple(rules)
        found = self.orders.get(key)
        if found is None:
            if len(self.orders) >= ORDERS:
                self.orders.clear()
            found = self.orders[key] = bundled(rules)
        return found


class Verdict:
    """What is said of one operation for one kind of caller.

    Args:
        operation: The operation.
        rules: The rules of the caller's roles.
        limits: What their credential is limited to.
        kept: Where decisions are kept.
        root: The server's root folder, for paths.
        above: What is said of the same for whoever made the credential; None for nobody.
    """

    arguments: frozenset[str]
    """The arguments that it depends on."""

    wants_paths: bool
    """Whether it depends on what a call touches."""

    __slots__ = (
        "_above",
        "_default",
        "_kept",
        "_limits",
        "_operation",
        "_root",
        "_rules",
        "arguments",
        "settled",
        "wants_paths",
    )

    def __init__(
        self,
        operation: Operation,
        rules: Sequence[Rule],
        limits: Sequence[Limit],
        kept: Memo,
        *,
        root: str = "",
        above: Verdict | None = None,
    ) -> None:
        matter = _that_matter([rule for rule in rules if rule.concerns(operation)])
        self._operation = operation
        self._above = above
        self._kept = kept
        self._root = root
        self._limits = tuple(limit for limit in limits if limit.globs is not None)
        self._default = READS if _only_reads(operation) else NOT_ALLOWED
        self._rules = kept.order(matter)
        self.arguments = _arguments(matter) | (above.arguments if above else frozenset())
        self.settled = self._settle(limits)
        self.wants_paths = self.settled is None and (
            bool(self._limits)
            or any(rule.asks_paths for rule in matter)
            or (above is not None and above.wants_paths)
        )

    @property
    def may_pass(self) -> bool:
        """Whether there are arguments with which the operation is not denied."""
        if self.settled is not None:
            return self.settled.effect != "deny"
        if self._above is not None and not self._above.may_pass:
            return False
        return self._default.effect != "deny" or any(r.effect != "deny" for r in self._rules)

    def decide(self, values: Mapping[str, Any], paths: Sequence[str] | None) -> Decision:
        """Return what is said of a call with these arguments that touches these paths."""
        if self.settled is not None:
            return self.settled
        key = self._key(values, paths)
        decision = None if key is None else self._kept.decisions.get(key)
        if decision is None:
            decision = self.decide_on(facts_of(values, paths, self._root))
            if key is not None:
                self._kept.keep(key, decision)
        return decision

    def decide_on(self, facts: Facts) -> Decision:
        """Return what is said of a call that brings these facts."""
        if self.settled is not None:
            return self.settled
        for limit in self._limits:
            if (refusal := limit.forbids_paths(self._operation, facts.paths)) is not None:
                return refusal
        own = next(filter(None, (_said(rule, facts) for rule in self._rules)), self._default)
        return own if self._above is None else stricter(own, self._above.decide_on(facts))

    def _settle(self, limits: Sequence[Limit]) -> Decision | None:
        """Return what is said of every call, where it is the same for all."""
        for limit in limits:
            if (refusal := limit.forbids(self._operation)) is not None:
                return refusal
        own = self._settled_by_rules()
        above = None if self._above is None else self._above.settled
        for said in (own, above):
            if said is not None and said.effect == "deny":
                return said
        if own is None or self._limits:
            return None
        if self._above is None:
            return own
        return None if above is None else stricter(own, above)

    def _settled_by_rules(self) -> Decision | None:
        if not self._rules:
            return self._default
        first = self._rules[0]
        return None if first.is_conditional else _said(first, Facts({}, ()))

    def _key(self, values: Mapping[str, Any], paths: Sequence[str] | None) -> Any:
        """Return what a decision depends on; None where that is too much to keep."""
        touched = None if paths is None else tuple(paths)
        size = 0 if touched is None else sum(map(len, touched))
        parts: list[Any] = [self, touched]
        for name in self.arguments:
            value = values.get(name, _ABSENT)
            if isinstance(value, str):
                size += len(value)
            elif not (value is None or value is _ABSENT or isinstance(value, bool | int | float)):
                return None
            parts += (type(value), value)
        return tuple(parts) if size <= KEPT_TEXT else None


def stricter(one: Decision, other: Decision) -> Decision:
    """Return the stricter of two decisions; the first of equals."""
    return other if STRICTNESS[other.effect] > STRICTNESS[one.effect] else one


def decision_of(rule: Rule) -> Decision:
    """Return what a rule decides."""
    lack: Lack = ""
    if rule.effect == "deny":
        lack = "closed" if rule.role == CLOSED else "rule"
    return Decision(rule.effect, rule.place, rule.reason, lack=lack, source=rule)


def _said(rule: Rule | Bundle, facts: Facts) -> Decision | None:
    if isinstance(rule, Bundle):
        held = rule.holding(facts)
        return None if held is None else decision_of(held)
    return decision_of(rule) if not rule.is_conditional or rule.holds(facts) else None


def _that_matter(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules in the order in which they win, without those that never decide."""
    found: list[Rule] = []
    for effect in ("deny", "ask", "allow"):
        mine = [rule for rule in rules if rule.effect == effect]
        always = next((rule for rule in mine if not rule.is_conditional), None)
        if always is not None:
            return [always] if effect == "deny" else [*found, always]
        found += mine
    return found


def _arguments(rules: Sequence[Rule]) -> frozenset[str]:
    return frozenset(condition.argument for rule in rules for condition in rule.conditions)


def _only_reads(operation: Operation) -> bool:
    return operation.scope == "read" and operation.read_only
