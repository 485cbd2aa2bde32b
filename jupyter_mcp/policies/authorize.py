"""Decides whether the principal may do this: asks the policy, the one place that knows.

A refusal says what the caller lacks and not what the policy is: which rule it was stands in the
audit.
"""

from __future__ import annotations

from jupyter_mcp.calls.call import Asked, Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.policy import Policy
from jupyter_mcp.security.policy.roles import HUMAN_DECISIONS
from jupyter_mcp.security.policy.verdicts import Decision
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.signals import Signals

ASKED = "The policy wants a person's approval for this."


class Authorize:
    """Refuses with ``forbidden`` what the policy denies, and marks what a person has to approve.

    Args:
        policy: The policy in force.
        signals: Where refusals are told.
    """

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals

    async def admit(self, call: Call, following: Following) -> Result:
        """Refuse, before its arguments are looked at, what no arguments would make allowed."""
        _refuse_unattended(call)
        verdict = self._policy.verdict(call.principal, call.operation)
        if not verdict.may_pass:
            raise self._denied(call, verdict.decide({}, None))
        return await following(call)

    async def __call__(self, call: Call, following: Following) -> Result:
        """Let `call` pass, with the rule that decided in its notes."""
        decision = await self._policy.judge(call.principal, call.operation, call.values)
        call.notes["rule"] = decision.rule
        if decision.effect == "deny":
            raise self._denied(call, decision)
        if decision.effect == "ask":
            call.notes["ask"] = {"reason": decision.reason or ASKED, "rule": decision.rule}
        return await following(call)

    def _denied(self, call: Call, decision: Decision) -> ToolError:
        call.notes["rule"] = decision.rule
        self._signals.note(
            "call_denied",
            principal=call.principal.id,
            client=call.client,
            operation=call.operation.name,
            reason=decision.rule,
        )
        return refusal(decision, call.principal, call.operation)


def _refuse_unattended(call: Call) -> None:
    """Refuse what only somebody who is there may do or see, whatever the policy says.

    Raises:
        ToolError: ``forbidden`` for a decision of a person that a workflow takes, and for a result
            for its caller's eyes that a run or another tool would keep.
    """
    operation, who = call.operation, call.principal
    if operation.name in HUMAN_DECISIONS and who.is_by_workflow:
        raise ToolError(
            "forbidden",
            f"A workflow does not use '{operation.name}': that is for a person to decide.",
            "Take it out, and let the person do it.",
        )
    if operation.secret_output and (who.is_workflow or call.parent):
        raise ToolError(
            "forbidden",
            f"'{operation.name}' shows a secret to who calls it, and here it would be kept.",
            "Call it by itself.",
        )


def refusal(decision: Decision, principal: Principal, operation: Asked) -> ToolError:
    """Return what a caller is told who was denied."""
    name, who = operation.name, principal.name
    match decision.lack:
        case "scope":
            what = f"'{name}' needs the scope '{operation.scope}', and '{who}' does not hold it."
            held = operation.scope in principal.scopes
            if held:
                remedy = "Ask the administrator for a role that allows it."
                return ToolError("forbidden", what, remedy)
            data = {"scope": operation.scope}
            return ToolError("forbidden", what, "Use a token with that scope.", data=data)
        case "toolset":
            what = f"'{name}' is of the toolset '{operation.toolset}', and this token is not."
            return ToolError("forbidden", what, f"It is good for: {decision.detail}.")
        case "notebook":
            what = f"'{name}' is not for this token where it touches other notebooks than its own."
            return ToolError("forbidden", what, f"It is good for: {decision.detail}.")
        case "closed":
            return ToolError(
                "forbidden",
                "This server's policy cannot be read, so nobody gets in.",
                "Its administrator sees why with: jupyter mcp policy show.",
            )
        case _:
            what = f"The policy of this server does not allow '{who}' to use '{name}' so."
            why = f"{decision.reason} " if decision.reason else ""
            return ToolError("forbidden", what, f"{why}Ask its administrator.")
