"""Whether answers fit the questions that were asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.calls.call import InputRequest


def fits(requests: Mapping[str, InputRequest], answers: Mapping[str, Any]) -> bool:
    """Return whether every question has an answer of its kind; further answers do not matter."""
    return bool(requests) and all(
        _fits(request, answers.get(key)) for key, request in requests.items()
    )


def _fits(request: InputRequest, answer: Any) -> bool:
    if not isinstance(answer, Mapping):
        return False
    match request.method:
        case "elicitation/create":
            return _fits_form(request.params.get("requestedSchema"), answer)
        case "sampling/createMessage":
            return "content" in answer
        case "roots/list":
            return isinstance(answer.get("roots"), list)


def _fits_form(schema: Any, answer: Mapping[str, Any]) -> bool:
    if answer.get("action") != "accept":
        return answer.get("action") in ("decline", "cancel")
    content = answer.get("content") or {}
    if not isinstance(content, Mapping):
        return False
    if not isinstance(schema, Mapping):
        return True
    from jsonschema import Draft202012Validator

    return Draft202012Validator(dict(schema)).is_valid(dict(content))
