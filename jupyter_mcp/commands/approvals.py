"""``jupyter mcp approvals``, ``approve ID``, ``deny ID``: say yes or no to what an agent asks."""

from __future__ import annotations

import time
from typing import Any

from traitlets import Bool

from jupyter_mcp.commands.admin import AdminCommand
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.display import Table


class ApprovalsApp(AdminCommand):
    """Show the calls that wait for your approval, and the approvals that are remembered."""

    name = "jupyter-mcp-approvals"
    description = "Show what waits for approval; --forget ID takes a remembered approval back."
    examples = "jupyter mcp approvals\njupyter mcp approvals --forget grant-12ab34cd56"
    forget = Bool(default_value=False, help="Take back the remembered approval ID.").tag(
        config=True
    )
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.flags,
        "forget": ({"ApprovalsApp": {"forget": True}}, "Take back the remembered approval ID."),
    }

    async def run(self) -> int:
        """List them."""
        async with self.admin() as client:
            if self.forget:
                told = await client.ask("approval_forget", approval_id=_one(self.extra_args))
                text = f"{told['tool']} will ask again."
            else:
                told = await client.ask("approval_list")
                text = listing(told)
        self.show(told, text)
        return 0


class ApproveApp(AdminCommand):
    """Let the waiting call ID go on, this once unless you say more."""

    name = "jupyter-mcp-approve"
    description = __doc__ or ""
    examples = "jupyter mcp approve a3f9c1\njupyter mcp approve a3f9c1 --session"
    session = Bool(default_value=False, help="This tool and client, for the session.").tag(
        config=True
    )
    always = Bool(default_value=False, help="Always with these arguments.").tag(config=True)
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.flags,
        "session": (
            {"ApproveApp": {"session": True}},
            "Approve this tool for the client's session.",
        ),
        "always": ({"ApproveApp": {"always": True}}, "Approve it always with these arguments."),
    }

    async def run(self) -> int:
        """Say yes."""
        answer = "always" if self.always else "session" if self.session else "once"
        return await _answer(self, answer)


class DenyApp(AdminCommand):
    """Refuse the waiting call ID."""

    name = "jupyter-mcp-deny"
    description = __doc__ or ""
    examples = "jupyter mcp deny a3f9c1"

    async def run(self) -> int:
        """Say no."""
        return await _answer(self, "deny")


async def _answer(command: AdminCommand, answer: str) -> int:
    approval_id = _one(command.extra_args)
    async with command.admin() as client:
        told = await client.ask("approval_answer", approval_id=approval_id, answer=answer)
    said = "denied" if answer == "deny" else f"approved ({answer})"
    command.show(told, f"{told['tool']} {said}.")
    return 0


def _one(words: list[str]) -> str:
    if len(words) != 1:
        raise ToolError(
            "invalid_arguments", "Say which one.", "'jupyter mcp approvals' lists them."
        )
    return words[0]


def listing(told: dict[str, Any]) -> str:
    """Return what waits and what is remembered, for a terminal."""
    parts = [_question(each) for each in told["waiting"]] or ["No call waits for approval."]
    if told["remembered"]:
        rows = [
            [each["id"], each["tool"], each["length"], each["client"] or each["principal"]]
            for each in told["remembered"]
        ]
        table = Table(rows, ["remembered", "tool", "for", "who"]).to_text()
        parts.append(table)
    return "\n\n".join(parts)


def _question(each: dict[str, Any]) -> str:
    left = max(0, round(each["expires"] - time.time()))
    who = " via ".join(filter(None, (each["principal"], each["client"])))
    lines = [f"{each['id']}  {each['tool']}  for {who}, {left} s left", f"  {each['reason']}"]
    lines += [f"    {line}" for line in each["arguments"].splitlines()]
    return "\n".join(lines)
