"""What a job asks, as people read it and as they answer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mcp.calls import InputRequest
from jupyter_mcp.calls.answers import fits
from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import JobRecord

SHOWN = 200
"""Characters of a question that are shown."""

FORM: Final = "elicitation/create"


def message_of(question: Mapping[str, Any]) -> str:
    """Return what a question says, in one line."""
    told = question["params"].get("message") or question["method"]
    return " ".join(str(told).split())[:SHOWN]


def asked(record: JobRecord) -> list[str]:
    """Return a line for each open question."""
    how = f"%mcp jobs answer {record.id} ANSWER"
    return [
        f"It asks: {message_of(each)} The client that began it can answer, or a person: {how}"
        for each in record.asks.values()
    ]


def answers_to(
    record: JobRecord, question: str, answer: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """Return the answer to a question of a job, in MCP's words.

    Args:
        record: The job.
        question: The question's key; empty for the only one.
        answer: The values by field; None declines.

    Raises:
        ToolError: ``conflict`` when it does not ask that, ``invalid_arguments`` for an answer that
        does not fit, ``unsupported`` where only a client can answer.
    """
    key, open_one = _found(record, question)
    if open_one["method"] != FORM:
        raise ToolError(
            "unsupported",
            f"'{record.id}' asks its client and not a person.",
            "Let the client that began it answer.",
        )
    told: dict[str, Any] = {"action": "decline"}
    if answer is not None:
        told = {"action": "accept", "content": dict(answer)}
    if not fits({key: InputRequest(FORM, open_one["params"])}, {key: told}):
        raise ToolError(
            "invalid_arguments",
            f"The answer does not fit what '{record.id}' asks: {message_of(open_one)}",
            f"It takes {_fields(open_one) or 'no values'}.",
        )
    return {key: told}


def _found(record: JobRecord, question: str) -> tuple[str, Mapping[str, Any]]:
    if question in record.asks:
        return question, record.asks[question]
    if not record.asks or question:
        what = f"'{question[:SHOWN]}'" if question else "anything"
        raise ToolError(
            "conflict", f"'{record.id}' does not ask {what} now.", "job_get tells what it asks."
        )
    if len(record.asks) > 1:
        keys = ", ".join(record.asks)
        raise ToolError("conflict", f"'{record.id}' asks several things.", f"Say which: {keys}.")
    ((key, open_one),) = record.asks.items()
    return key, open_one


def _fields(question: Mapping[str, Any]) -> str:
    schema = question["params"].get("requestedSchema") or {}
    fields = schema.get("properties") or {}
    return ", ".join(f"{name} ({each.get('type', 'any')})" for name, each in fields.items())
