"""What tools of workflows return."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from jupyter_mcp.calls.shape import Shape


class WorkflowState(Shape):
    """A run. nodes: id, kind, status, started_at, ended_at, attempts, output, error, needs."""

    workflow_id: str
    name: str
    status: str
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    template: str = ""
    parent: str = ""
    priority: int = 0
    reason: str = ""
    error: dict[str, Any] | None = None
    nodes: list[dict[str, Any]] = Field(default_factory=list)
    next: str = ""


class WorkflowList(Shape):
    """Runs, the newest first: workflow_id, name, status, created_at, started_at, ended_at."""

    workflows: list[dict[str, Any]]
    cursor: str = ""


class Checked(Shape):
    """What is wrong with a spec; problems: place, message, remedy, line, column."""

    ok: bool
    problems: list[dict[str, Any]] = Field(default_factory=list)
    name: str = ""
    nodes: int = 0


class TemplateTold(Shape):
    """A template; hash: SHA-256 of its spec."""

    name: str
    version: str
    versions: list[str] = Field(default_factory=list)
    description: str = ""
    parameters: dict[str, Any] | None = None
    hash: str = ""
    is_shipped: bool = False
    yaml: str = ""


class TemplateList(Shape):
    """The newest version of each template."""

    templates: list[TemplateTold]


class ScheduleTold(Shape):
    """A schedule."""

    schedule_id: str
    name: str
    workflow: str
    cron: str
    timezone: str
    is_on: bool
    next_at: str | None = None
    last_at: str | None = None
    last_run: str = ""


class ScheduleList(Shape):
    """Schedules, those that are due first at first."""

    schedules: list[ScheduleTold]


class Deleted(Shape):
    """What is gone."""

    deleted: str


class Notified(Shape):
    """A notification that went out."""

    id: str
    channel: str
    delivered: bool


class Chained(Shape):
    """A chain. steps: id, tool, status, output; output: that of the last step."""

    status: str
    steps: list[dict[str, Any]]
    output: Any = None
    error: dict[str, Any] | None = None
