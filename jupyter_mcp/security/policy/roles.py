"""The roles that come with the project. A policy file can extend them and cannot change them.

viewer looks, editor also writes, operator does all that the owner of a server needs but is asked
before what cannot be undone, and cannot take the decisions that are a person's. admin is that
person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jupyter_mcp.security.policy.paths import Globs
from jupyter_mcp.security.policy.rules import Condition, Rule

HUMAN_DECISIONS = (
    "approval_answer",
    "agents_resume",
    "pin_approve",
    "access_restore",
    "workflow_answer",
    "job_answer",
)
"""Tools by which a person decides about agents; an agent must not decide for itself."""

EVERYDAY = ("kernel_execute", "cell_run")
"""Destructive by nature, and the very thing that an agent is there for."""

IN_SANDBOXES = ("file_delete",)
"""Destructive on the Jupyter root; in a sandbox the shell deletes as well, and nobody is asked."""

CLOSED = "(closed)"
"""The role of everybody but the person at the machine while there is no policy to go by."""

DESTRUCTIVE = "It can destroy what cannot be brought back."
TOKENS = "It makes a credential that others can use."
WAY_OUT = "What runs in the sandbox can send to the domains that the settings allow."
BUILDS = "What the Dockerfile runs reaches all that the engine's network does."
HUMAN = "This is for a person to decide, not for an agent."


@dataclass(frozen=True, slots=True)
class Role:
    """A role, as a policy writes it.

    Args:
        name: Its name.
        extends: The roles whose rules it has too.
        rules: Its own rules.
        line: Its line in the file; 0 for a shipped one.
    """

    name: str
    extends: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    line: int = 0


SHIPPED: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role("viewer", (), (Rule("allow", "viewer", line=1, scopes=frozenset({"read"})),)),
        Role(
            "editor",
            ("viewer",),
            (Rule("allow", "editor", line=1, scopes=frozenset({"edit"})),),
        ),
        Role(
            "operator",
            (),
            (
                Rule("allow", "operator", line=1),
                Rule(
                    "ask",
                    "operator",
                    line=2,
                    destructive=True,
                    exceptions=Globs((*EVERYDAY, *IN_SANDBOXES)),
                    reason=DESTRUCTIVE,
                ),
                Rule(
                    "ask",
                    "operator",
                    line=3,
                    tools=Globs(IN_SANDBOXES),
                    conditions=(Condition("sandbox_id", "in", wanted=(None, "")),),
                    reason=DESTRUCTIVE,
                ),
                Rule("ask", "operator", line=4, tools=Globs(("token_create",)), reason=TOKENS),
                Rule(
                    "ask",
                    "operator",
                    line=5,
                    tools=Globs(("sandbox_create",)),
                    conditions=(Condition("network", "equals", wanted=True),),
                    reason=WAY_OUT,
                ),
                Rule(
                    "ask",
                    "operator",
                    line=6,
                    tools=Globs(("image_build",)),
                    conditions=(Condition("path", "prefix", wanted=""),),
                    reason=BUILDS,
                ),
                Rule("deny", "operator", line=7, tools=Globs(HUMAN_DECISIONS), reason=HUMAN),
            ),
        ),
        Role("admin", (), (Rule("allow", "admin", line=1),)),
    )
}


def rules_of(names: tuple[str, ...], roles: Mapping[str, Role]) -> tuple[Rule, ...]:
    """Return the rules of several roles and of those that they extend, each once."""
    found: dict[str, Role] = {}
    left = list(reversed(names))
    while left:
        role = roles.get(left.pop())
        if role is not None and role.name not in found:
            found[role.name] = role
            left += reversed(role.extends)
    return tuple(rule for role in found.values() for rule in role.rules)
