"""Tools on the policy: what it says, why it says so, and putting its file in force."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.file import Document, read_text
from jupyter_mcp.security.policy.policy import Policy
from jupyter_mcp.security.policy.roles import SHIPPED
from jupyter_mcp.security.policy.rules import Effect, Operation, Rule
from jupyter_mcp.security.policy.verdicts import Decision, Verdict
from jupyter_mcp.security.policy.wording import in_words
from jupyter_mcp.toolsets.trust.callers import GROUP, caller_named, role_named
from jupyter_mcp.toolsets.trust.tools.base import TrustTools

LARGEST = 1 << 20


class Explanation(Shape):
    """What the policy says of a call, and which rule says it."""

    user: str
    roles: list[str]
    tool: str
    scope: str
    effect: Effect
    rule: str
    reason: str = ""
    file: str | None = None
    line: int | None = None
    paths: list[str] | None = Field(None, description="What the call touches; null: not known")
    depends: bool = Field(default=False, description="Other arguments may be decided otherwise")


class RoleState(Shape):
    """A role."""

    name: str
    extends: list[str]
    rules: list[str] = Field(description="Its own rules in words, each with where it stands")
    shipped: bool


class SubjectState(Shape):
    """Who has which roles."""

    who: str
    roles: list[str]
    line: int


class PolicyState(Shape):
    """A policy."""

    file: str | None = None
    in_force_since: float | None = None
    closed: bool = Field(default=False, description="Only the person at the machine gets in")
    problem: str | None = Field(None, description="Why the file was refused, if it was")
    warnings: list[str]
    default: list[str]
    subjects: list[SubjectState]
    roles: list[RoleState]


class PolicyTools(TrustTools):
    """Tools on policy."""

    @tool(scope="admin", title="Explain a decision", read_only=True)
    async def policy_explain(
        self,
        user: Annotated[
            str,
            Field(
                description="owner, person, user:NAME or a name, token:ID, group:NAME or role:NAME"
            ),
        ],
        tool: Annotated[str, Field(description="A tool, prompt or resource")],
        arguments: dict[str, Any] | None = None,
    ) -> Reply[Explanation]:
        """Which rule decides whether somebody may call a tool, and where it stands."""
        policy = self.trust.policy
        operation = _named(policy, tool)
        values = arguments or {}
        paths = await operation.touches(values)
        who, roles, verdict = await self._asked(user, operation)
        told = Explanation(
            user=who,
            roles=list(roles),
            paths=None if paths is None else list(paths),
            depends=verdict.settled is None,
            **_explained(verdict.decide(values, paths), operation),
        )
        return Reply(told, [Text(_sentence(told))])

    async def _asked(self, user: str, operation: Operation) -> tuple[str, tuple[str, ...], Verdict]:
        """Return who is meant, their roles and what is said of an operation for them."""
        policy = self.trust.policy
        role = role_named(user, policy)
        if role:
            return user, (role,), policy.verdict_of_roles((role,), operation)
        caller = await caller_named(user, self.trust.tokens)
        who = user if user.startswith(GROUP) else caller.id
        return who, policy.roles_of(caller), policy.verdict(caller, operation)

    @tool(scope="admin", title="Show the policy", read_only=True)
    async def policy_show(self) -> PolicyState:
        """The policy in force: roles, who has them, and what is wrong with its file."""
        return _state(self.trust.policy)

    @tool(scope="admin", title="Check a policy", read_only=True)
    async def policy_check(
        self,
        text: Annotated[str, Field(max_length=LARGEST, description="A policy in YAML")],
        file: Annotated[str, Field(max_length=500, description="Its name")] = "policy",
    ) -> PolicyState:
        """Say whether a policy would be accepted, without putting it in force."""
        names = self.trust.policy.names
        document = await self.host.executor.run(read_text, text, file, names)
        return PolicyState(file=file, **_described(document))

    @tool(scope="admin", title="Reload the policy", idempotent=True)
    async def policy_reload(self) -> PolicyState:
        """Read the policy's file again now; a bad one is refused and the old one stays."""
        await self.trust.policy.reload()
        return _state(self.trust.policy)


def _named(policy: Policy, name: str) -> Operation:
    """Return the tool of that name, else the prompt or resource."""
    found = [operation for operation in policy.operations if operation.name == name]
    if found:
        return min(found, key=lambda operation: operation.kind != "tool")
    known = sorted({operation.name for operation in policy.operations})
    near = difflib.get_close_matches(name[:128], known, n=3)
    raise ToolError(
        "not_found",
        f"There is no tool '{name[:80]}'.",
        f"Did you mean {' or '.join(near)}?" if near else "'jupyter mcp tools' lists them.",
    )


def _explained(decision: Decision, operation: Operation) -> Mapping[str, Any]:
    source = decision.source
    return {
        "tool": operation.name,
        "scope": operation.scope,
        "effect": decision.effect,
        "rule": decision.rule,
        "reason": decision.reason or decision.detail,
        "file": source.file if source and source.file else None,
        "line": source.line if source and source.file else None,
    }


def _sentence(told: Explanation) -> str:
    why = f" ({told.reason.removesuffix('.')})" if told.reason else ""
    more = " Other arguments may change that." if told.depends else ""
    roles = ", ".join(told.roles)
    return f"{told.effect}: '{told.tool}' for {told.user} [{roles}] by {told.rule}{why}.{more}"


def _rule(rule: Rule) -> str:
    where = f" ({rule.place})" if rule.file else ""
    why = f"  # {rule.reason}" if rule.reason else ""
    return f"{in_words(rule)}{where}{why}"


def _state(policy: Policy) -> PolicyState:
    return PolicyState(
        file=str(policy.file) if policy.file else None,
        in_force_since=policy.loaded,
        closed=policy.is_closed,
        problem=str(policy.problem) if policy.problem else None,
        **_described(policy.document),
    )


def _described(document: Document) -> dict[str, Any]:
    return {
        "warnings": list(document.warnings),
        "default": list(document.default),
        "subjects": [
            SubjectState(who=subject.who, roles=list(subject.roles), line=subject.line)
            for subject in document.subjects
        ],
        "roles": [
            RoleState(
                name=role.name,
                extends=list(role.extends),
                rules=[_rule(rule) for rule in role.rules],
                shipped=role.name in SHIPPED,
            )
            for role in document.roles.values()
        ],
    }
