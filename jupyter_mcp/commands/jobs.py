"""``jupyter mcp jobs``: what goes on in the background, one job of it, and its end."""

from __future__ import annotations

from typing import Any

from traitlets import Bool, Unicode

from jupyter_mcp.commands.admin import AdminCommand
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.job_words import job_table


class JobsApp(AdminCommand):
    """List background jobs, or show or cancel the job ID."""

    name = "jupyter-mcp-jobs"
    description = __doc__ or ""
    examples = (
        "jupyter mcp jobs --status active\njupyter mcp jobs job-1a2b\n"
        "jupyter mcp jobs job-1a2b --cancel"
    )
    status = Unicode("", help="Only these, such as failed; active for all that go on.").tag(
        config=True
    )
    cancel = Bool(default_value=False, help="Cancel the job ID.").tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.aliases,
        "status": "JobsApp.status",
    }
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.flags,
        "cancel": ({"JobsApp": {"cancel": True}}, "Cancel the job ID."),
    }

    async def run(self) -> int:
        """Do what was asked."""
        if len(self.extra_args) > 1 or (self.cancel and not self.extra_args):
            remedy = "'jupyter mcp jobs' lists them."
            raise ToolError("invalid_arguments", "Say which one job.", remedy)
        async with self.admin() as client:
            if self.extra_args:
                tool = "job_cancel" if self.cancel else "job_get"
                result = await client.call(tool, job_id=self.extra_args[0])
                self.show(dict(result.structured or {}), result.text)
            else:
                told = await client.ask("job_list", status=self.status, limit=100)
                self.show(told, job_table(told["jobs"]).to_text())
        return 0
