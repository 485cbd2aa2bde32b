"""Lets a call wait for a person where a policy says so.

The question goes to the client, as a form, where the owner's own client can show one, and at the
same time to the panel and the command line. The first answer counts and the others are withdrawn.
A call that is cancelled meanwhile takes its question with it.

A form is shown to nobody else's client: who is not the owner would say yes to themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.calls.call import Call, InputRequest
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.approvals.approvals import Approvals
from jupyter_mcp.security.approvals.grants import Grant, Matter
from jupyter_mcp.security.approvals.question import Answer, Question, Resolution, Subject
from jupyter_mcp.security.approvals.summary import arguments_hash, summarise
from jupyter_mcp.security.visible import visible

TELL_SECONDS = 10.0
"""How often a client is told that its call still waits: many give up on one that is silent."""

CHOICES: Mapping[str, tuple[Answer, str]] = {
    "once": ("once", "Yes, this once"),
    "session": ("session", "Yes, for this tool until this session ends"),
    "always": ("always", "Yes, always with these arguments"),
    "no": ("deny", "No"),
}
"""What a form offers, what it means and how it reads."""

_log = logging.getLogger(__name__)


class Approve:
    """Asks a person about calls that an earlier policy marked with ``notes["ask"]``.

    The mark has a ``reason``, a line that says why, and the ``rule`` that says so.

    Args:
        approvals: The open questions.
    """

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def __call__(self, call: Call, following: Following) -> Result:
        """Go on at once, or when a person has said yes."""
        mark = call.notes.get("ask")
        if mark is not None:
            await self.require(call, mark["reason"], mark["rule"])
        return await following(call)

    async def require(self, call: Call, reason: str, rule: str = "", topic: str = "") -> None:
        """Return when a person has approved `call`, now or before; any policy may ask so.

        Args:
            call: The call, which waits.
            reason: Why a person is asked, in a line.
            rule: The rule that says so.
            topic: What the question is about, such as ``taint``; empty for the policy. An approval
                that is remembered for one topic does not count for another.

        Raises:
            ToolError: ``denied`` when a person said no or nobody answered in time.
        """
        subject = _subject(call, reason, rule, topic)
        if (grant := self._approvals.grants.find(subject.matter)) is not None:
            call.notes["approval"] = _remembered(grant)
            return
        question = self._approvals.ask(subject)
        note = call.notes["approval"] = {"id": question.id, "answer": "withdrawn", "reason": reason}
        try:
            resolution = await self._resolution(call, question)
        finally:
            self._approvals.withdraw(question)
            call.progress = None
        note |= _told(resolution)
        if not resolution.is_yes:
            raise _denied(call, resolution)

    async def _resolution(self, call: Call, question: Question) -> Resolution:
        talk = asyncio.create_task(
            self._talk(call, question), name=f"jupyter-mcp approval {question.id}"
        )
        try:
            async with asyncio.timeout(self._approvals.seconds):
                return await asyncio.shield(question.resolution)
        except TimeoutError:
            return self._approvals.expire(question)
        finally:
            talk.cancel()
            await asyncio.gather(talk, return_exceptions=True)

    async def _talk(self, call: Call, question: Question) -> None:
        """Ask at the client; where that gives no answer, tell it what it waits for."""
        left = self._approvals.seconds
        waits = f"Waiting for approval: jupyter mcp approve {question.id}"
        call.progress = (-left, None, waits)
        if call.channel.can_ask and question.subject.principal.is_owners:
            answer = await self._elicit(call, question)
            if answer is not None:
                by = question.subject.principal.name
                self._approvals.settle(question, answer, by, "elicitation")
                return
        while True:
            # Below zero and rising, so that whatever the tool tells afterwards is more (MCP:
            # progress must increase).
            call.progress = (-left, None, waits)
            await call.channel.progress(-left, None, waits)
            await asyncio.sleep(TELL_SECONDS)
            left -= TELL_SECONDS

    async def _elicit(self, call: Call, question: Question) -> Answer | None:
        """Return what the person at the client chose; None when nobody chose."""
        # Nobody can know the key beforehand, and so send a yes along with the call.
        key = f"approve-{question.id}"
        try:
            asked = InputRequest("elicitation/create", _form(question))
            answers = await call.channel.ask({key: asked})
        except Exception:  # noqa: BLE001 - whatever the client did, others can still answer
            _log.debug("The client could not be asked for approval.", exc_info=True)
            return None
        said = answers[key]
        if said.get("action") == "decline":
            return "deny"
        chosen = (said.get("content") or {}).get("answer")
        known = CHOICES.get(chosen) if isinstance(chosen, str) else None
        return known[0] if said.get("action") == "accept" and known else None


def _subject(call: Call, reason: str, rule: str, topic: str) -> Subject:
    principal, operation = call.principal, call.operation
    matter = Matter(
        principal=principal.id,
        credential=principal.bound_to,
        client=visible(call.client),
        tool=operation.name,
        arguments_hash=arguments_hash(call.arguments, topic),
        topic=topic,
    )
    return Subject(
        principal=principal,
        matter=matter,
        title=str(getattr(operation, "title", "") or operation.name),
        summary=summarise(call.arguments, operation.input_schema),
        door=call.door,
        reason=reason,
        rule=rule,
    )


def _form(question: Question) -> dict[str, Any]:
    subject = question.subject
    lines = [f"Allow '{subject.matter.tool}' ({subject.title})? {subject.reason}".strip()]
    lines += [f"  {line}" for line in subject.summary.splitlines()]
    answer = {
        "type": "string",
        "title": "Your answer",
        "enum": list(CHOICES),
        "enumNames": [title for _, title in CHOICES.values()],
        "default": "no",
    }
    return {
        "mode": "form",
        "message": "\n".join(lines),
        "requestedSchema": {
            "type": "object",
            "properties": {"answer": answer},
            "required": ["answer"],
        },
    }


def _remembered(grant: Grant) -> dict[str, Any]:
    return {"answer": "remembered", "grant": grant.id, "by": grant.by, "remembered": grant.length}


def _told(resolution: Resolution) -> dict[str, Any]:
    told: dict[str, Any] = {"answer": resolution.outcome, "seconds": resolution.seconds}
    if resolution.by:
        told |= {"by": resolution.by, "via": resolution.via}
    if resolution.grant is not None:
        told |= {"grant": resolution.grant.id, "remembered": resolution.grant.length}
    return told


def _denied(call: Call, resolution: Resolution) -> ToolError:
    if resolution.outcome == "timeout":
        return ToolError(
            "denied",
            f"Nobody approved '{call.operation.name}' within {resolution.seconds:g} s.",
            "Call again when somebody is there to answer: in the panel, or with: jupyter mcp "
            "approvals.",
        )
    return ToolError(
        "denied",
        f"{resolution.by} did not allow '{call.operation.name}'.",
        "Do not try the same again; ask what to do instead.",
    )
