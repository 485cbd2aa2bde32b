"""How code that asks for input reaches a person: by the call that runs it, or by its job.

Passwords are never asked for: MCP forbids it in forms (2026-07-28, client/elicitation).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.calls import Context, InputRequest, JobContext
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.run import AskInput

PASSWORD = "A cell asked for a password; run it in JupyterLab instead."  # noqa: S105 - says no secret


def asker(ctx: Context) -> AskInput | None:
    """Return how to ask the person behind the client; None where nobody can be asked."""
    if not ctx.can_ask:
        return None

    async def ask(prompt: str, password: bool) -> str:
        if password:
            await ctx.log("warning", PASSWORD)
            raise _no_passwords()
        answer = await ctx.request("elicitation/create", _form(prompt))
        return _given(answer)

    return ask


def asker_of_job(job: JobContext) -> AskInput | None:
    """Return how to ask whoever looks after a job; None where nobody can be asked."""
    if not job.can_ask:
        return None

    async def ask(prompt: str, password: bool) -> str:
        if password:
            job.log(f"{PASSWORD}\n")
            raise _no_passwords()
        answers = await job.ask({"input": InputRequest("elicitation/create", _form(prompt))})
        return _given(answers["input"])

    return ask


def _form(prompt: str) -> Mapping[str, Any]:
    field = {"type": "string", "title": prompt.strip() or "Input"}
    schema = {"type": "object", "properties": {"value": field}, "required": ["value"]}
    message = prompt.strip() or "The code asks for input."
    return {"mode": "form", "message": message, "requestedSchema": schema}


def _given(answer: Mapping[str, Any]) -> str:
    if answer.get("action") != "accept":
        raise ToolError("cancelled", "The person gave no input.", "Ask again.")
    return str((answer.get("content") or {}).get("value", ""))


def _no_passwords() -> ToolError:
    return ToolError("forbidden", "Passwords are not asked for.", "Run it in JupyterLab.")
