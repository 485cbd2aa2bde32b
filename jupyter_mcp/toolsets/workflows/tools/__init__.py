"""The workflows toolset: durable workflows, their templates and schedules, and short chains."""

from __future__ import annotations

from jupyter_mcp.toolsets.workflows.tools.chaining import ChainTools
from jupyter_mcp.toolsets.workflows.tools.jobs import WorkflowJobs
from jupyter_mcp.toolsets.workflows.tools.library import TemplateTools
from jupyter_mcp.toolsets.workflows.tools.notes import NoteTools
from jupyter_mcp.toolsets.workflows.tools.resources import WorkflowResources
from jupyter_mcp.toolsets.workflows.tools.scheduling import ScheduleTools
from jupyter_mcp.toolsets.workflows.tools.steering import SteerTools


class Workflows(
    SteerTools,
    TemplateTools,
    ScheduleTools,
    ChainTools,
    NoteTools,
    WorkflowResources,
    WorkflowJobs,
):
    """Workflows: many steps that survive the client and the server."""

    name = "workflows"
    title = "Workflows"
    description = "Many steps as one piece of work, which survives the client and the server."
    # Everybody has their own runs, and what these do is judged when they do it. Not the templates:
    # what others wrote may tell of notebooks.
    pathless = frozenset(
        {
            "build_workflow",
            "chain",
            "workflow_answer",
            "workflow_cancel",
            "workflow_check",
            "workflow_delete",
            "workflow_fork",
            "workflow_get",
            "workflow_list",
            "workflow_notify",
            "workflow_pause",
            "workflow_resume",
            "workflow_retry",
            "workflow_schedule_delete",
            "workflow_schedule_list",
            "workflow_schedule_set",
            "workflow_start",
        }
    )
