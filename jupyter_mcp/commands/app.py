"""``jupyter mcp``: finds the subcommand and starts it.

Each subcommand is imported when it is called, so that ``jupyter mcp --help`` stays quick.
"""

from __future__ import annotations

import sys
from typing import Any

from jupyter_core.application import JupyterApp, NoStart

_SUBCOMMANDS = {
    "demo": ("demo.DemoApp", "Watch an agent work in a real notebook."),
    "doctor": ("doctor.DoctorApp", "Check the installation and say how to mend it."),
    "connect": ("connect.ConnectApp", "Bridge an MCP client on stdio to a running server."),
    "config": ("config.ConfigApp", "Print ready configuration for an MCP client."),
    "tools": ("tools.ToolsApp", "List the tools of a running server."),
    "call": ("call.CallApp", "Call a tool of a running server."),
    "jobs": ("jobs.JobsApp", "Show what goes on in the background; cancel a job."),
    "worker": ("worker.WorkerApp", "Run workflows; show or stop the process that does."),
    "approvals": ("approvals.ApprovalsApp", "Show what waits for your approval."),
    "approve": ("approvals.ApproveApp", "Let a waiting call go on."),
    "deny": ("approvals.DenyApp", "Refuse a waiting call."),
    "pause": ("agents.PauseApp", "Stop agents at once, all of them or one."),
    "resume": ("agents.ResumeApp", "Let stopped agents go on."),
    "agents": ("agents.AgentsApp", "Show which agents called lately, and who is stopped."),
    "audit": ("audit.AuditApp", "Who did what; verify or export the record of it."),
    "token": ("token.TokenApp", "Make, list and revoke tokens for clients."),
    "policy": ("policy.PolicyApp", "Say which rule decides; check and show the policy."),
    "secret": ("secret.SecretApp", "Keep secrets that configuration refers to."),
    "image": ("image.ImageApp", "Build and list the images that sandboxes run."),
    "pins": ("pins.PinsApp", "See and approve third-party tools that changed."),
    "access": ("access.AccessApp", "End somebody's access at once, and restore it."),
}


class McpApp(JupyterApp):
    """The command."""

    name = "jupyter-mcp"
    description = "The MCP workbench for Jupyter: agents work with you in your live notebooks."
    examples = "jupyter mcp doctor\njupyter mcp call notebook_read path=analysis.ipynb"
    aliases: dict[Any, Any] = {}  # noqa: RUF012 - traitlets reads the class attribute
    flags: dict[Any, Any] = {}  # noqa: RUF012 - traitlets reads the class attribute
    subcommands = {  # noqa: RUF012 - traitlets reads this attribute of the class
        name: (f"jupyter_mcp.commands.{place}", help_text)
        for name, (place, help_text) in _SUBCOMMANDS.items()
    }

    def start(self) -> None:
        """Start the subcommand; without one, show the help."""
        if self.subapp is None and not self.subcommand:
            if self.extra_args:
                print(f"There is no command '{self.extra_args[0]}'.", file=sys.stderr)  # noqa: T201
            self.print_help()
            self.exit(2 if self.extra_args else 0)
        super().start()


def main(argv: list[str] | None = None) -> int:
    """Run the command; the entry point of ``jupyter-mcp``.

    Returns:
        The exit code of the subcommand.
    """
    app = McpApp.instance()
    app.initialize(argv)
    try:
        app.start()
    except NoStart:
        pass
    except BrokenPipeError:
        return 1
    return int(getattr(app.subapp, "exit_code", 0))
