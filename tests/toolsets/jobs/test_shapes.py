"""What is told of a job."""

from __future__ import annotations

from dataclasses import replace

from jupyter_mcp.calls import Text
from jupyter_mcp.toolsets.jobs.tools.shapes import state_of
from jupyter_mcp.toolsets.workflows.runs.run import Run
from jupyter_mcp.toolsets.workflows.runs.telling import advice, brief, job_of, lines_of
from jupyter_mcp.workplace import JobRecord


def lines(record: JobRecord) -> list[str]:
    """Return what is told of a job as lines of text."""
    content = state_of(record).content
    return "\n".join(each.text for each in content if isinstance(each, Text)).splitlines()


def test_how_a_workflow_has_ended_is_told_once() -> None:
    run = Run("wf-1", "me", "sums", "succeeded", created=1.0, updated=2.0, ended=2.0)
    nodes = [{"id": "a", "status": "succeeded", "attempts": 1}]
    state = {**brief(run), "nodes": nodes, "next": advice(run, [])}
    assert lines_of(state).startswith("wf-1: succeeded (sums)")
    assert lines(job_of(run, 1.0, state)) == ["wf-1: succeeded (sums)", "- a: succeeded"]
    going = job_of(replace(run, status="running"), 1.0)
    assert lines(going)[0] == "wf-1: running (sums)"


def test_the_result_of_a_tool_stands_below_how_its_job_is() -> None:
    result = {"content": [{"type": "text", "text": "42"}], "is_error": False}
    record = JobRecord("job-1", "me", "t", "sum", "succeeded", 1.0, 2.0, ended=2.0, result=result)
    assert lines(record) == ["job-1: succeeded (sum)", "42"]
