"""Calls that wait for a person's yes, and who may give it.

A question lives in memory and as long as the call that asks: it can be answered once, by whoever
is first. Never by the credential that asks or one that was made with it, and by nobody but an
administrator; a form that the owner's own client shows counts as the owner at that client. Silence
is a no.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.approvals.grants import Grant, Grants
from jupyter_mcp.security.approvals.question import Answer, Outcome, Question, Resolution, Subject
from jupyter_mcp.storage.background import Spawner

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.signals import Signals
    from jupyter_mcp.storage import Storage

WAITING_LIMIT = 200
"""How many calls may wait for a yes at once."""

EACH_LIMIT = 20
"""How many of them may be one caller's: nobody takes the room of all others, or of a person's
attention."""

_log = logging.getLogger(__name__)


class Approvals:
    """The questions that are open, and what was remembered of earlier ones.

    Args:
        storage: Where a yes for always is kept.
        tasks: The owner of background tasks.
        signals: Where a no is told.
        decides: Says whether a principal may answer.
        seconds: For how long a question waits.
        redact: Takes known secrets out of a summary.
        clock: Returns the Unix time.
    """

    def __init__(
        self,
        storage: Storage,
        tasks: Spawner,
        signals: Signals,
        *,
        decides: Callable[[Principal], bool],
        seconds: float,
        redact: Callable[[str], str] = str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.seconds = seconds
        self._redact = redact
        self.grants = Grants(storage, clock)
        self._tasks = tasks
        self._signals = signals
        self._decides = decides
        self._clock = clock
        self._open: dict[str, Question] = {}
        self._writes: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read what is remembered."""
        await self.grants.start()

    async def stop(self) -> None:
        """Wait until what is remembered is written."""
        await asyncio.gather(*self._writes, return_exceptions=True)

    def may_answer(self, principal: Principal) -> bool:
        """Return whether `principal` may answer questions of others."""
        return self._decides(principal)

    def waiting(self) -> list[Question]:
        """Return the open questions, the oldest first."""
        return list(self._open.values())

    def ask(self, subject: Subject) -> Question:
        """Open a question; whoever opened it settles, expires or withdraws it.

        Raises:
            ToolError: ``unavailable`` when too many are open.
        """
        who = subject.principal.id
        mine = sum(each.subject.principal.id == who for each in self._open.values())
        if mine >= EACH_LIMIT or len(self._open) >= WAITING_LIMIT:
            raise ToolError(
                "unavailable",
                "Too many calls wait for a person's approval.",
                "Answer some: jupyter mcp approvals.",
            )
        subject = replace(subject, summary=self._redact(subject.summary))
        now = self._clock()
        future: asyncio.Future[Resolution] = asyncio.get_running_loop().create_future()
        question = Question(self._new_id(), subject, now, now + self.seconds, future)
        self._open[question.id] = question
        return question

    def settle(self, question: Question, answer: Answer, by: str, via: str) -> Resolution:
        """End a question with the first answer; a later one changes nothing."""
        if question.resolution.done():
            return question.resolution.result()
        grant = None
        if answer in ("session", "always"):
            subject = question.subject
            grant = self.grants.add(answer, subject.matter, subject.summary, by)
            if answer == "always":
                self._write(grant)
        return self._end(question, answer, by, via, grant)

    def expire(self, question: Question) -> Resolution:
        """End a question that nobody answered; an answer that came meanwhile stands."""
        if question.resolution.done():
            return question.resolution.result()
        return self._end(question, "timeout", "", "", None)

    def withdraw(self, question: Question) -> None:
        """Forget a question whose call is gone; nothing when it has ended."""
        self._open.pop(question.id, None)
        question.resolution.cancel()

    async def answer(self, question_id: str, answer: Answer, by: Principal, via: str) -> Question:
        """Answer a question as a person outside of the call that asks.

        Raises:
            ToolError: ``not_found`` for a question that is not open, ``forbidden`` for somebody
                who may not answer it.
        """
        self._check_decides(by)
        question = self._open.get(question_id)
        if question is None:
            raise ToolError(
                "not_found",
                f"No call waits for approval under '{question_id}'.",
                "It may have been answered, withdrawn or timed out; list those that wait.",
            )
        if _is_same_hand(by, question.subject.principal):
            raise ToolError(
                "forbidden",
                "A call cannot be approved with the credential that asks for it.",
                "Answer in the panel, or with: jupyter mcp approve.",
            )
        self.settle(question, answer, by.name, via)
        await asyncio.gather(*self._writes, return_exceptions=True)
        return question

    async def forget(self, grant_id: str, by: Principal) -> Grant:
        """Take back what is remembered.

        Raises:
            ToolError: ``not_found`` when there is no such grant, ``forbidden`` for somebody who may
                not decide.
        """
        self._check_decides(by)
        grant = await self.grants.forget(grant_id)
        if grant is None:
            raise ToolError(
                "not_found", f"No approval is remembered as '{grant_id}'.", "List those that are."
            )
        return grant

    def _check_decides(self, by: Principal) -> None:
        if not self._decides(by):
            raise ToolError(
                "forbidden",
                f"'{by.name}' may not answer for a person.",
                "Answer in the panel of a logged-in browser, or at the server's machine with: "
                "jupyter mcp approve.",
            )

    def _end(
        self, question: Question, outcome: Outcome, by: str, via: str, grant: Grant | None
    ) -> Resolution:
        seconds = round(self._clock() - question.created, 3)
        resolution = Resolution(outcome, by, via, seconds, grant)
        self._open.pop(question.id, None)
        question.resolution.set_result(resolution)
        if not resolution.is_yes:
            subject = question.subject
            self._signals.note(
                "approval_denied",
                principal=subject.principal.id,
                client=subject.matter.client,
                operation=subject.matter.tool,
                reason=subject.reason,
                answer=outcome,
                by=by,
            )
        return resolution

    def _new_id(self) -> str:
        while True:
            found = secrets.token_hex(3)
            if found not in self._open:
                return found

    def _write(self, grant: Grant) -> None:
        task = self._tasks.spawn("remember an approval", self._store(grant))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _store(self, grant: Grant) -> None:
        try:
            await self.grants.store(grant)
        except Exception:  # noqa: BLE001 - the yes counts; only a restart will ask again
            _log.exception("An approval could not be written; it holds until the server stops.")


def _is_same_hand(by: Principal, asking: Principal) -> bool:
    """Return whether the two credentials may be held by one agent.

    They are the same, or who answers was made with what asks, or an agent made both. A person, and
    whoever logged in by themselves, may well answer for the clients that they made.
    """
    agents = (p for p in asking.lineage() if p is asking or p.kind in ("owner", "client"))
    return any(_same_credential(one, other) for other in agents for one in by.lineage())


def _same_credential(one: Principal, other: Principal) -> bool:
    if one.token and one.token == other.token:
        return True
    return bool(one.credential) and one.credential == other.credential
