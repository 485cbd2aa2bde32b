"""A run in words and as JSON: the same for tools, jobs, tasks and the resource."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from jupyter_mcp.toolsets.workflows.runs.layout import Drawn, Layout
from jupyter_mcp.toolsets.workflows.runs.run import NodeState, Run
from jupyter_mcp.workplace import JobRecord

LONG_OUTPUT = 4_000
"""Characters of a node's output, as JSON, up to which it is told with the run."""

MOST_OUTPUT = 16_000
"""Characters of the outputs of all nodes that are told with the run."""

DAY = 86_400.0
CANCELLED = frozenset({"cancelled"})
_GOING = frozenset({"running", "waiting"})
_OPEN = _GOING | {"pending"}


def state_of(
    run: Run, layout: Layout, nodes: Mapping[str, NodeState], answered: str = ""
) -> dict[str, Any]:
    """Return a run and its nodes as JSON data, in the order in which they run.

    Behind a map stand those of its elements that ask a person, as long as they do.

    Long outputs are left out, and it is said how long they are.

    Args:
        run: The run.
        layout: The nodes of its spec.
        nodes: What is known of them.
        answered: An approval that waits, but was answered just now.
    """
    told: list[dict[str, Any]] = []
    left = MOST_OUTPUT
    for each in _shown(run, layout, nodes):
        node = nodes.get(each.id) or NodeState(each.id, _never_begun(run))
        line = {"id": each.id, "kind": each.kind, **_times(node)}
        line |= {"title": each.title} if each.title else {}
        line |= {"needs": list(each.needs)} if each.needs else {}
        if node.output is not None:
            size = len(json.dumps(node.output, ensure_ascii=False))
            if size <= min(LONG_OUTPUT, left):
                left -= size
                line["output"] = node.output
            else:
                line["output_chars"] = size
        told.append(line)
    state = brief(run)
    return {
        **state,
        "nodes": told,
        "next": advice(run, [each for each in told if each["id"] != answered]),
    }


def _shown(run: Run, layout: Layout, nodes: Mapping[str, NodeState]) -> Iterator[Drawn]:
    """Yield the nodes that are told, behind a map that goes on its approvals that wait."""
    waiting = [name for name, node in nodes.items() if "[" in name and node.status == "waiting"]
    for each in layout.nodes:
        yield each
        if not run.is_active or each.id not in nodes or nodes[each.id].status not in _GOING:
            continue
        for name in sorted(waiting, key=_numbered):
            if name.startswith(f"{each.id}[") and (asks := layout.approval(name)) is not None:
                yield Drawn(name, "approval", getattr(asks, "title", None) or "", each.needs)


def _numbered(name: str) -> list[int | str]:
    """Return what sorts elements by their numbers."""
    return [int(each) if each.isdecimal() else each for each in re.split(r"(\d+)", name)]


def brief(run: Run) -> dict[str, Any]:
    """Return a run without its nodes as JSON data."""
    state: dict[str, Any] = {
        "workflow_id": run.id,
        "name": run.name,
        "status": shown_status(run),
        "created_at": moment(run.created),
        "started_at": moment(run.started),
        "ended_at": moment(run.ended),
    }
    more = {
        "template": run.template,
        "parent": run.parent,
        "priority": run.priority,
        "reason": run.reason,
        "error": dict(run.error) if run.error else None,
    }
    return state | {name: value for name, value in more.items() if value}


def shown_status(run: Run) -> str:
    """Return the status; that somebody pauses a run, or lets it go on, is told at once."""
    if run.is_active and run.wanted == "paused":
        return "paused"
    return "running" if run.status == "paused" else run.status


def node_of(node: NodeState) -> dict[str, Any]:
    """Return one node with all that is kept of it as JSON data."""
    whole = {"input": node.input, "output": node.output, "log": node.log}
    kept = {name: value for name, value in whole.items() if value not in (None, "")}
    return {"id": node.node, **_times(node), **kept}


def advice(run: Run, nodes: list[dict[str, Any]]) -> str:
    """Return what to do now, in a line."""
    if run.status == "succeeded":
        long = next((each["id"] for each in nodes if "output_chars" in each), "")
        return f"workflow_get(workflow_id, node='{long}') has a long output whole." if long else ""
    if not run.is_active:
        said = str((run.error or {}).get("remedy", ""))
        again = "workflow_retry goes on from what was done."
        return said if again in said else f"{said} {again}".strip()
    asked = [each["id"] for each in nodes if each["kind"] == "approval" and _waits(each)]
    if asked:
        return f"A person has to answer '{asked[0]}': workflow_answer, or the client that began it."
    if shown_status(run) == "paused":
        return "workflow_resume lets it go on."
    return "workflow_get(workflow_id, wait=60) waits for its end."


def lines_of(state: Mapping[str, Any]) -> str:
    """Return a run's state as text."""
    lines = [headline(state)]
    lines += [_node_line(each) for each in state["nodes"]]
    return "\n".join([*lines, *([state["next"]] if state.get("next") else ())])


def headline(state: Mapping[str, Any]) -> str:
    """Return a run in one line."""
    line = f"{state['workflow_id']}: {state['status']} ({state['name']})"
    error = state.get("error")
    if error:
        where = f" at '{error['node']}'" if error.get("node") else ""
        return f"{line}{where}: {error.get('message', '')}"
    return f"{line}: {state['reason']}" if state.get("reason") else line


def job_of(
    run: Run,
    keep_days: float,
    state: Mapping[str, Any] | None = None,
    *,
    going: Iterable[NodeState] = (),
) -> JobRecord:
    """Return a run as a job.

    Args:
        run: The run.
        keep_days: For how long it is kept after its end.
        state: Its whole state, which becomes the result of one that has ended.
        going: Where that is not given, the nodes at which it is.
    """
    ended = run.ended if not run.is_active else None
    result = None
    if state is not None and not run.is_active:
        result = {
            "is_error": run.status != "succeeded",
            "content": [{"type": "text", "text": lines_of(state)}],
            "structured": dict(state),
            "untrusted": bool(run.untrusted),
        }
    return JobRecord(
        id=run.id,
        owner=run.owner,
        tool="workflow_start",
        title=run.name,
        status=shown_status(run),  # type: ignore[arg-type]
        started=run.created,
        updated=run.updated,
        kind="workflow",
        ended=ended,
        progress=_progress(run, state, going),
        result=result,
        asks={},
        expires=ended + keep_days * DAY if ended and keep_days else None,
        is_untrusted=bool(run.untrusted),
        advice=run.reason or ("" if state is None or run.is_active else str(state.get("next", ""))),
    )


def moment(time: float | None) -> str | None:
    """Return a time as RFC 3339 in UTC; None for none."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _times(node: NodeState) -> dict[str, Any]:
    told: dict[str, Any] = {
        "status": node.status,
        "started_at": moment(node.started),
        "ended_at": moment(node.ended),
        "attempts": node.attempts,
    }
    if node.error and node.status != "succeeded":
        told["error"] = dict(node.error)
    if node.progress and node.ended is None:
        told["progress"] = dict(node.progress)
    return told


def _never_begun(run: Run) -> str:
    """Return the status of a node of which nothing is known."""
    if run.is_active:
        return "pending"
    return "cancelled" if run.status in CANCELLED else "skipped"


def _waits(node: Mapping[str, Any]) -> bool:
    return node["status"] in {"waiting", "running"}


def _progress(
    run: Run, state: Mapping[str, Any] | None, going: Iterable[NodeState]
) -> dict[str, Any] | None:
    if state is None:
        now = [(each.node, each.status, each.progress) for each in going]
        message = _now(run, now)
        return {"done": 0, "total": None, "message": message} if message else None
    nodes = state["nodes"]
    whole = [each for each in nodes if each.get("kind") != "approval" or "[" not in each["id"]]
    done = [each for each in whole if each["status"] not in _OPEN]
    now = [(each["id"], each["status"], each.get("progress")) for each in nodes]
    return {"done": len(done), "total": len(whole), "message": _now(run, now)}


def _now(run: Run, nodes: Iterable[tuple[str, str, Mapping[str, Any] | None]]) -> str:
    """Return what goes on in a run: why it waits, or at which nodes it is and what they tell."""
    if run.reason or not run.is_active:
        return run.reason
    going = {node: (status, told) for node, status, told in nodes if status in _GOING}
    inner = [
        node
        for node in going
        if not any(each.startswith((f"{node}.", f"{node}[")) for each in going)
    ]
    said = {node: str((going[node][1] or {}).get("message") or "") for node in inner}
    if talking := next((node for node in inner if said[node]), ""):
        return f"{talking}: {said[talking]}"
    verb = "wait" if all(going[node][0] == "waiting" for node in inner) else "run"
    return f"{', '.join(inner[:3])} {verb if len(inner) > 1 else f'{verb}s'}" if inner else ""


def _node_line(node: Mapping[str, Any]) -> str:
    line = f"- {node['id']}: {node['status']}"
    if node["attempts"] > 1:
        line += f", attempt {node['attempts']}"
    if error := node.get("error"):
        line += f": {error.get('message', '')}"
    elif "output" in node:
        text = json.dumps(node["output"], ensure_ascii=False)
        line += f" → {text if len(text) <= 200 else text[:200] + '…'}"  # noqa: PLR2004
    elif "output_chars" in node:
        line += f" → {node['output_chars']:,} characters"
    elif node["status"] == "waiting" and (said := (node.get("progress") or {}).get("message")):
        line += f", {said}"
    return line
