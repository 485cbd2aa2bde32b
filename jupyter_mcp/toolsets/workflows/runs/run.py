"""A run and its nodes as they are at one moment."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.toolsets.workflows.states import ENDED

PREFIX = "wf-"


def new_id() -> str:
    """Return the identifier of a new run."""
    return f"{PREFIX}{uuid.uuid4().hex[:20]}"


def is_run_id(text: str) -> bool:
    """Return whether a text can be the identifier of a run, by its form."""
    return text.startswith(PREFIX) and len(text) <= 64 and text.isascii()  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is made of before it starts.

    Args:
        owner: Identifier of the principal that it belongs to.
        principal: What that principal may do, as `recorded.to_json` writes it: nodes act so.
        spec: The spec, complete: templates of subworkflows are put in.
        spec_hash: Its hash.
        name: Its name.
        parameters: Its parameters, with the schema's defaults.
        template: The template it came from, as ``name@version``; empty for none.
        priority: Higher is sooner.
        deduplication: While a run of the same owner with this text goes on, no other begins.
        seeds: Outputs of nodes that an earlier run has done.
        memos: What maps of that run have noted of their elements, by node.
        parent: That run.
        untrusted: What had brought that run what strangers wrote.
        id: Its identifier.
    """

    owner: str
    principal: Mapping[str, Any]
    spec: Mapping[str, Any]
    spec_hash: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""
    priority: int = 0
    deduplication: str = ""
    seeds: Mapping[str, Any] | None = None
    memos: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    untrusted: str = ""
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its record tells it.

    Args:
        id: Its identifier.
        owner: Identifier of the principal that it belongs to.
        name: The spec's name.
        status: As `jupyter_mcp.toolsets.workflows.states`.
        created: Unix time.
        updated: When something was last told of it.
        template: The template it came from, as ``name@version``; empty for none.
        parent: The run it goes on from.
        priority: Higher is sooner.
        wanted: What somebody wants of it: ``paused``, ``cancelled`` or nothing.
        executor: The worker that has it; empty while none has.
        started: When its first node began.
        ended: When it ended.
        reason: Why it waits, in one line.
        error: ``code``, ``message``, ``remedy`` and ``node`` of what failed.
        untrusted: What first brought it what strangers wrote; empty for nothing.
        spec: The spec; empty where it was not asked for.
        spec_hash: Its hash.
        parameters: Its parameters, likewise.
        principal: Who may do what for it, likewise.
        deduplication: What keeps others of the same owner from beginning, likewise.
    """

    id: str
    owner: str
    name: str
    status: str
    created: float
    updated: float
    template: str = ""
    parent: str = ""
    priority: int = 0
    wanted: str = ""
    executor: str = ""
    started: float | None = None
    ended: float | None = None
    reason: str = ""
    error: Mapping[str, Any] | None = None
    untrusted: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    spec_hash: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    principal: Mapping[str, Any] = field(default_factory=dict)
    deduplication: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.status not in ENDED


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node of a run.

    Args:
        node: Its id; of a subworkflow's node ``sub.load``.
        status: As of runs, or ``skipped``; never ``paused``.
        started: Unix time of its first attempt.
        ended: When it ended.
        attempts: How often it was tried.
        input: What it worked with.
        output: Its result.
        error: ``code``, ``message`` and ``remedy`` of what failed.
        progress: ``done``, ``total`` and ``message``.
        log: The tail of its log.
        memo: What an attempt has noted for the next; None where it was not asked for.
    """

    node: str
    status: str
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    input: Any = None
    output: Any = None
    error: Mapping[str, Any] | None = None
    progress: Mapping[str, Any] | None = None
    log: str = ""
    memo: Any = None


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs to list, the newest first.

    Args:
        owner: Whose; None for everybody's.
        statuses: Only these states; empty for all.
        name: Only of workflows with this name; empty for all.
        template: Only of this template, ``name`` or ``name@version``; empty for all.
        before: Only what comes after the run with this time of creation and identifier.
        limit: The most runs.
    """

    owner: str | None = None
    statuses: frozenset[str] = frozenset()
    name: str = ""
    template: str = ""
    before: tuple[float, str] | None = None
    limit: int = 20
