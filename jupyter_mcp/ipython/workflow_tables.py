"""Runs of workflows as tables, for terminals and for where live views are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.job_words import told

ENDED = frozenset({"succeeded", "failed", "cancelled", "compensated"})
"""The states that a run does not leave."""

MESSAGE = 120
"""Characters of a message that are shown."""


def list_table(runs: Iterable[Mapping[str, Any]]) -> Table:
    """Return runs as rows."""
    rows = [
        [run["workflow_id"], run["status"], run["name"], _took(run), run.get("started_at") or ""]
        for run in runs
    ]
    if not rows:
        return Table([], [], "No workflow has run. %mcp workflow templates lists what can.")
    return Table(rows, ["workflow", "status", "name", "time", "started"])


def run_table(run: Mapping[str, Any]) -> Table:
    """Return a run with its nodes as rows, in the order in which they run."""
    rows = [
        [node["id"], node["kind"], node["status"], _took(node), node.get("attempts"), _said(node)]
        for node in run["nodes"]
    ]
    head = ["node", "kind", "status", "time", "attempts", "message"]
    caption = f"{run['name']} ({run['workflow_id']}): {run['status']}"
    said = run.get("error") or {}
    more = said.get("message") or run.get("reason") or ""
    return Table(rows, head, f"{caption}. {more}".strip() if more else caption)


def template_table(templates: Iterable[Mapping[str, Any]]) -> Table:
    """Return templates with what they are started with."""
    rows = [
        [f"{each['name']}@{each['version']}", _parameters(each), each.get("description") or ""]
        for each in templates
    ]
    if not rows:
        return Table([], [], "There are no templates.")
    return Table(rows, ["template", "parameters", "what it does"])


def problem_lines(problems: Iterable[Mapping[str, Any]]) -> str:
    """Return what is wrong with a spec, a line each, the line of the text in front."""
    return "\n".join(_problem(each) for each in problems)


def _problem(problem: Mapping[str, Any]) -> str:
    line, place = problem.get("line"), problem.get("place")
    where = ", ".join(filter(None, [f"line {line}" if line else "", place or ""]))
    said = " ".join(filter(None, [problem["message"], problem.get("remedy")]))
    return f"{where}: {said}" if where else said


def _parameters(template: Mapping[str, Any]) -> str:
    schema = template.get("parameters") or {}
    required = set(schema.get("required") or ())
    names = (schema.get("properties") or {}).keys()
    return " ".join(f"{name}=…" if name in required else f"[{name}=…]" for name in names)


def _said(node: Mapping[str, Any]) -> str:
    error = node.get("error") or {}
    said = " ".join(filter(None, [error.get("message"), error.get("remedy")]))
    return (said or told(node))[:MESSAGE]


def _took(of: Mapping[str, Any]) -> str:
    started, ended = of.get("started_at"), of.get("ended_at")
    if not started or not ended:
        return ""
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    return f"{seconds:.1f} s"
