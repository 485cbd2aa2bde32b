"""``jupyter mcp pause``, ``resume`` and ``agents``: the stop button of the command line."""

from __future__ import annotations

import time
from typing import Any

from traitlets import Bool, Unicode

from jupyter_mcp.commands.admin import AdminCommand
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.display import Table

EVERYBODY = "*"


class TargetCommand(AdminCommand):
    """A command about all agents or one of them."""

    target = Unicode(
        EVERYBODY, help="Who: a client's name, user:NAME or token:ID; all by default."
    ).tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.aliases,
        "target": "TargetCommand.target",
        "client": "TargetCommand.target",
    }

    def check_no_words(self) -> None:
        """Refuse words that nobody would read: a mistyped option must not stop everybody.

        Raises:
            ToolError: ``invalid_arguments``.
        """
        if self.extra_args:
            raise ToolError(
                "invalid_arguments",
                f"What does '{self.extra_args[0]}' mean here?",
                f"Name an agent with --target {self.extra_args[0]}.",
            )


class PauseApp(TargetCommand):
    """Stop agents at once: what they run is cancelled, what they ask is refused."""

    name = "jupyter-mcp-pause"
    description = __doc__ or ""
    examples = "jupyter mcp pause\njupyter mcp pause --read-only --client claude-code"
    read_only = Bool(default_value=False, help="Let them read.").tag(config=True)
    keep_running = Bool(default_value=False, help="Leave what runs now.").tag(config=True)
    reason = Unicode("", help="Why; the agents are told.").tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **TargetCommand.aliases,
        "reason": "PauseApp.reason",
    }
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **TargetCommand.flags,
        "read-only": ({"PauseApp": {"read_only": True}}, "Let them read."),
        "keep-running": ({"PauseApp": {"keep_running": True}}, "Leave what runs now."),
    }

    async def run(self) -> int:
        """Stop them."""
        self.check_no_words()
        async with self.admin() as client:
            result = await client.call(
                "agents_pause",
                target=self.target,
                mode="read_only" if self.read_only else "paused",
                keep_running=self.keep_running,
                reason=self.reason,
            )
        self.show(result.structured, result.text)
        return 0


class ResumeApp(TargetCommand):
    """Let stopped agents go on, all of them or one."""

    name = "jupyter-mcp-resume"
    description = __doc__ or ""
    examples = "jupyter mcp resume\njupyter mcp resume --target claude-code"

    async def run(self) -> int:
        """Let them go on."""
        self.check_no_words()
        async with self.admin() as client:
            result = await client.call("agents_resume", target=self.target)
        self.show(result.structured, result.text)
        return 0


class AgentsApp(AdminCommand):
    """Show which agents called lately, and who is stopped."""

    name = "jupyter-mcp-agents"
    description = __doc__ or ""
    examples = "jupyter mcp agents\njupyter mcp agents --json"

    async def run(self) -> int:
        """Show them."""
        async with self.admin() as client:
            told = await client.ask("agents_status")
        self.show(told, _shown(told))
        return 0


def _shown(told: dict[str, Any]) -> str:
    parts = [f"Agents: {told['mode'].replace('_', '-')}"]
    parts += [
        f"  {stop['target']} {stop['mode'].replace('_', '-')} by {stop['by']}, {_ago(stop['at'])}"
        + (f": {stop['reason']}" if stop["reason"] else "")
        for stop in told["stops"]
    ]
    rows = [
        [
            each["client"] or each["name"],
            each["principal"],
            each["mode"].replace("_", "-"),
            each["tool"],
            _ago(each["last_call"]),
        ]
        for each in told["agents"]
    ]
    if rows:
        header = ["agent", "principal", "mode", "last call", "when"]
        parts.append("\n" + Table(rows, header).to_text())
    return "\n".join(parts)


def _ago(at: float) -> str:
    seconds = max(0, round(time.time() - at))
    if seconds < 120:  # noqa: PLR2004 - two minutes, from where on seconds tell nothing
        return f"{seconds} s ago"
    minutes = seconds // 60
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"  # noqa: PLR2004
