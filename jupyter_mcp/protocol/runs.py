"""Calls that run in a task of their own, so that a question can outlive the request that began it.

In 2026-07-28 a server asks by ending the request: the result says what it wants to know and carries
an opaque ``requestState``, and the client comes back with the answers (MRTR). Here the coroutine
stays suspended meanwhile, so a tool is never run twice to get an answer. What it costs: a question
does not survive a restart of the server, and then the client is told to call again.

A call that takes long for a client that knows tasks is let go of here: it becomes a job, and its
questions are the job's from then on (`jupyter_mcp.protocol.tasks`).

A question may also be withdrawn, because somebody else answered it. Then the call goes on with
nobody attached, and the client gets its result, or the next question, when it comes back with
whatever it has to say to the old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import INVALID_PARAMS

from jupyter_mcp.calls.answers import fits
from jupyter_mcp.calls.call import InputRequest
from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.jobs import JobContext
from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol import wire
from jupyter_mcp.protocol.channel import Answers, WireChannel
from jupyter_mcp.protocol.request import Request

if TYPE_CHECKING:
    from mcp.server.request_state import AESGCMRequestStateCodec

PARKED_SECONDS = 600.0
"""For how long a question waits for its answer."""

PARKED_LIMIT = 200
"""How many calls may wait for an answer at once."""

PARKED_EACH = 50
"""How many of them may be one caller's: nobody takes the room of all others."""

Work = Callable[[WireChannel], Coroutine[Any, Any, Result]]
Binding = tuple[str, str, Any]
"""Method, name or URI, and arguments: what a request must ask for again to take up its run."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a suspended call wants to know.

    Args:
        requests: The questions by their keys.
        state: The sealed handle with which the client comes back.
    """

    requests: Mapping[str, InputRequest]
    state: str

    def to_wire(self) -> dict[str, Any]:
        """Return MCP's ``InputRequiredResult``."""
        asked = {
            key: {"method": request.method, "params": dict(request.params)}
            for key, request in self.requests.items()
        }
        return {"resultType": "input_required", "inputRequests": asked, "requestState": self.state}


class Run:
    """One call on its way, attached to the request that waits for it, or parked.

    Args:
        request: The request that begins it.
        binding: What it was asked for.
        early: Answers that came with the first request already.
        work: The call; it gets the channel back to the client.
    """

    def __init__(self, request: Request, binding: Binding, early: Answers, work: Work) -> None:
        self.id = secrets.token_urlsafe(16)
        self.owner = request.caller.principal.id
        self.binding = binding
        self.round = 0
        self.told = 0
        self.channel = WireChannel(request, self._ask)
        self.question: Mapping[str, InputRequest] = {}
        self.expiry: asyncio.TimerHandle | None = None
        self._can_park = request.is_modern and bool(request.capabilities)
        self._early = early
        self._job: JobContext | None = None
        self._answers: asyncio.Future[Answers | None] | None = None
        self._turn: asyncio.Future[None] | None = None
        self._asking = asyncio.Lock()
        self.task = asyncio.create_task(work(self.channel))

    async def turn(self, patience: float | None = None) -> Result | None:
        """Wait until the call is over and return its result, or until it asks and return None.

        Cancelling the one who waits cancels the call.

        Args:
            patience: Seconds after which None is returned too, and the call goes on.
        """
        try:
            if not self._can_park:
                return await self.task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._asked_or_done()
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is None or current.cancelling():
                self.task.cancel()
                raise
        if not self.task.done():
            return None
        return wire.cancelled() if self.task.cancelled() else self.task.result()

    @property
    def is_job(self) -> bool:
        """Whether the call goes on as a job."""
        return self._job is not None

    @property
    def awaits_client(self) -> bool:
        """Whether the question that the client knows of is still open."""
        return bool(self.question) and self.round == self.told

    def attach(self, request: Request, answers: Answers) -> None:
        """Let `request` wait for the call, which goes on if the client was what it waited for."""
        if self.expiry is not None:
            self.expiry.cancel()
        self.channel.attach(request)
        if self.awaits_client and self._answers is not None and not self._answers.done():
            self._answers.set_result({key: answers[key] for key in self.question})
            self.question = {}

    async def hand_over(self, job: JobContext) -> None:
        """Let the call go on as `job`, which takes the question that is open too."""
        self._job = job
        await self.channel.hand_over(job)
        if self._answers is not None and not self._answers.done():
            self._answers.set_result(None)

    async def _asked_or_done(self) -> None:
        self.task.add_done_callback(self._wake)
        try:
            while not self.question and not self.task.done():
                self._turn = asyncio.get_running_loop().create_future()
                await self._turn
        finally:
            self.task.remove_done_callback(self._wake)

    async def _ask(self, requests: Mapping[str, InputRequest]) -> Answers:
        async with self._asking:  # a tool may ask from several tasks; one question is out at a time
            if self._job is not None:
                return await self._job.ask(requests)
            early, self._early = self._early, {}
            if fits(requests, early):
                return {key: early[key] for key in requests}
            self.question = requests
            self.round += 1
            self._answers = asyncio.get_running_loop().create_future()
            self._wake()
            try:
                answers = await self._answers
            finally:
                self.question = {}
            if answers is None and self._job is not None:
                return await self._job.ask(requests)
            return answers or {}

    def _wake(self, _: object = None) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)


class Runs:
    """All calls that came over MCP and have not ended.

    Args:
        parked_seconds: For how long a question waits for its answer.
        parked_limit: How many calls may wait for an answer at once.
    """

    def __init__(
        self, parked_seconds: float = PARKED_SECONDS, parked_limit: int = PARKED_LIMIT
    ) -> None:
        self._parked_seconds = parked_seconds
        self._parked_limit = parked_limit
        self._runs: set[Run] = set()
        self._parked: dict[str, Run] = {}

    async def serve(
        self,
        request: Request,
        binding: Binding,
        work: Work,
        *,
        state: str | None = None,
        answers: Answers | None = None,
    ) -> Result | Question:
        """Run a call, or take a suspended one up, until it is over or asks.

        Args:
            request: The request that waits.
            binding: What it asks for.
            work: The call, begun only when there is no `state`.
            state: The client's ``requestState``.
            answers: The client's ``inputResponses``.

        Raises:
            MCPError: When the state is not one of ours, or belongs to another call or caller.
        """
        run = self._taken_up(request, binding, work, state, answers or {})
        return run if isinstance(run, Question) else await self.go_on(run)

    async def attend(
        self,
        request: Request,
        binding: Binding,
        work: Work,
        patience: float,
        *,
        state: str | None = None,
        answers: Answers | None = None,
    ) -> Result | Question | Run:
        """Do as `serve` does for a call that may become a job.

        Returns:
            The call itself when it asks, or takes longer than `patience` seconds.

        Raises:
            MCPError: As `serve`.
        """
        run = self._taken_up(request, binding, work, state, answers or {})
        if isinstance(run, Question):
            return run
        result = await run.turn(patience)
        return run if result is None else result

    async def go_on(self, run: Run) -> Result | Question:
        """Wait until a call is over or asks."""
        result = await run.turn()
        return self._park(run) if result is None else result

    async def stop(self) -> None:
        """Cancel every call and wait until the last one is gone; jobs are ended by who has them."""
        self._parked.clear()
        tasks = [run.task for run in self._runs if not run.is_job]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @cached_property
    def _codec(self) -> AESGCMRequestStateCodec:
        from mcp.server.request_state import AESGCMRequestStateCodec

        return AESGCMRequestStateCodec([secrets.token_bytes(32)])

    def _taken_up(
        self, request: Request, binding: Binding, work: Work, state: str | None, answers: Answers
    ) -> Run | Question:
        if state is None:
            run = Run(request, binding, answers, work)
            self._runs.add(run)
            run.task.add_done_callback(lambda _: self._runs.discard(run))
            return run
        run = self._find(state, request, binding)
        if run.awaits_client and not fits(run.question, answers):
            run.round += 1
            return Question(run.question, self._seal(run))
        del self._parked[run.id]
        run.attach(request, answers)
        return run

    def _seal(self, run: Run) -> str:
        run.told = run.round
        return self._codec.seal(json.dumps([run.id, run.round]).encode())

    def _find(self, state: str, request: Request, binding: Binding) -> Run:
        from mcp.server.request_state import InvalidRequestState

        try:
            run_id, number = json.loads(self._codec.unseal(state))
        except (InvalidRequestState, ValueError) as error:
            raise _lost("This requestState is not one of this server's.") from error
        run = self._parked.get(run_id)
        if run is None or run.owner != request.caller.principal.id or run.told != number:
            raise _lost("Nothing waits for this answer any more.")
        if run.binding != binding:
            raise _lost("This requestState belongs to another request.")
        return run

    def _park(self, run: Run) -> Result | Question:
        mine = sum(each.owner == run.owner for each in self._parked.values())
        if mine >= PARKED_EACH or len(self._parked) >= self._parked_limit:
            run.task.cancel()
            return Result.from_error(
                ToolError(
                    "unavailable", "Too many calls wait for an answer.", "Answer or cancel some."
                )
            )
        run.channel.detach()
        self._parked[run.id] = run
        self._expire_later(run)
        return Question(run.question, self._seal(run))

    def _expire_later(self, run: Run, _: object = None) -> None:
        if self._parked.get(run.id) is run:
            loop = asyncio.get_running_loop()
            run.expiry = loop.call_later(self._parked_seconds, self._expire, run)

    def _expire(self, run: Run) -> None:
        """Give a question up; but one that somebody else answered is a call that works on."""
        if not run.question and not run.task.done():
            run.task.add_done_callback(partial(self._expire_later, run))
            return
        self._parked.pop(run.id, None)
        run.task.cancel()


def _lost(what: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"{what} Send the call again without requestState.")
