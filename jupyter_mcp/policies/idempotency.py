"""A call that a client repeats with the same key is done once.

A client that lost an answer cannot know whether its call was done. When it puts a key of its own
into the request's ``_meta``, under ``jupyter-mcp/idempotency-key`` (MCP names no such key, so this
one is ours), it may send the call again: while the first one runs the second waits for it, and
afterwards it gets the same result, for 24 hours and from any replica of the server. The key counts
for one principal and one tool; with other arguments it is refused as a ``conflict``.

Kept is the result of a call that was done, also when what it did is a failure, such as a cell that
raised. A call that failed with an error of ours, was refused or was cancelled is not kept and may
be repeated, since then there is no answer to give again. Results are kept redacted, as they went
out; one that is for its caller's eyes only, or too large, is kept as the mere fact that it was
done. While the store cannot be reached, a call with a key is refused: done twice is what the key
was to prevent. An answer to a workflow says whose run has called, so that another run does not take
a failure for its own. Calls that a tool makes belong to the call that has the key.

A server may be killed at any moment. What it has done is noted beside the store first, in the same
turn of the event loop in which the tool returned, and then in the store, which takes longer and may
be away; whoever takes the key over looks there too. So what is done twice is a call whose server
was killed while it ran, before the tool had returned: nobody can know how far that had come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.deadline import granted
from jupyter_mcp.policies.keys import canonical, digest
from jupyter_mcp.policies.redact import is_big
from jupyter_mcp.policies.stores import Notes, Processes, Store
from jupyter_mcp.security.tokens.acting import RESULT_OF, run_of

KEY = "jupyter-mcp/idempotency-key"
"""The key in a request's ``_meta``."""

REPLAYED = "jupyter-mcp/replayed"
"""The key in the ``_meta`` of a result that was given before."""

SPACE = "idempotency"
KEPT_SECONDS = 24 * 3600.0
LARGEST = 4 * 2**20
"""The most bytes of a result that is kept."""

LEASE_SECONDS = 30.0
"""After how long a call is given up whose server does not say that it still runs."""

LOOK_SECONDS = (0.05, 1.0)
"""How often a call on another server is looked for: the first wait and the longest."""

SETTLE_SECONDS = (0.5, 30.0)
"""How often it is tried to tell the store what it was away for: the first wait and the longest."""

_KEY = re.compile(r"[!-~]{1,200}")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """A call with a key on this server.

    Args:
        arguments: The hash of its arguments.
        has_key: Whether the key is known to be for these arguments.
        settled: Set when that is known, and at the end.
        ended: Its result, or None when it left none.
    """

    arguments: str
    has_key: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Future[Result | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Idempotency:
    """The policy.

    Args:
        store: Returns the store that is shared with the replicas of this server.
        notes: Where it is noted what was done until the store knows it.
        redact: Returns a result as it goes out.
        tasks: The owner of background tasks.
        lease: After how many seconds a call is given up whose server is gone.
        processes: Tells of servers on this machine at once that they are gone.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        notes: Notes,
        redact: Callable[[Result], Result],
        tasks: Supervisor,
        *,
        lease: float = LEASE_SECONDS,
        processes: Processes | None = None,
    ) -> None:
        self._store = store
        self._notes = notes
        self._redact = redact
        self._tasks = tasks
        self._lease = lease
        self._processes = processes
        self._running: dict[str, _Run] = {}
        self._is_behind = False
        self._settling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tell the store what it was not told before this server, or another, was killed."""
        if self._notes.all():
            self._settle_later()

    async def __call__(self, call: Call, following: Following) -> Result:
        """Do a call with a key once; others pass."""
        key = call.meta.get(KEY)
        if key is None or call.parent or call.operation.kind != "tool":
            return await following(call)
        slot = digest(call.principal.id, checked(key), call.operation.name)
        return await self._once(call, following, slot)

    async def _once(self, call: Call, following: Following, slot: str) -> Result:
        arguments = digest(canonical(call.values))
        if (noted := self._notes.get(slot)) is not None:
            return _replayed(call, _noted(arguments, noted))
        async with granted(call):
            while (run := self._running.get(slot)) is not None:
                await run.settled.wait()
                if run.has_key:
                    _check(arguments, run.arguments)
                if (result := await asyncio.shield(run.ended)) is not None:
                    return _replayed(call, result)
        run = self._running[slot] = _Run(arguments)
        result = None
        try:
            result = await self._lead(call, following, slot, run)
            return result
        finally:
            del self._running[slot]
            run.settled.set()
            run.ended.set_result(None if result is None or result.error is not None else result)

    async def _lead(self, call: Call, following: Following, slot: str, run: _Run) -> Result:
        process = "" if self._processes is None else self._processes.new_mark()
        by = {"by": uuid.uuid4().hex, "process": process}
        mark = json.dumps({"arguments": run.arguments, **by}).encode()
        async with granted(call):
            kept = await self._claim(slot, mark, run)
        if kept is not None:
            return _replayed(call, kept)
        if (noted := self._notes.get(slot)) is not None:  # by who had the key before
            if _is_whole(noted):
                await self._whole(self._keep(slot, noted))
            return _replayed(call, _noted(run.arguments, noted))
        lease = self._tasks.spawn("idempotency lease", self._renew(slot, mark))
        entry = b""
        try:
            result = _by_run(call, await following(call))
            if result.error is None:
                entry = self._note(call, slot, run.arguments, result)
        finally:
            lease.cancel()
            if not entry:
                await self._whole(self._free(slot, mark))
        if entry:
            await self._whole(self._keep(slot, entry))
        return result

    def _note(self, call: Call, slot: str, arguments: str, result: Result) -> bytes:
        """Note that a call was done; nothing may be awaited between the two."""
        if is_big(result):  # to look through it takes long
            self._notes.put(slot, _entry(arguments, None))
        packed = None if call.operation.secret_output else _packed(self._redact(result))
        if packed is not None and len(packed) > LARGEST:
            packed = None
        entry = _entry(arguments, packed)
        self._notes.put(slot, entry)
        return entry

    async def _whole(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` to its end, also when the call is cancelled meanwhile."""
        await asyncio.shield(self._tasks.spawn("idempotency", work))

    async def _claim(self, slot: str, mark: bytes, run: _Run) -> Result | None:
        """Return the result that is there, or None when the call is ours to do."""
        store, wait = self._store(), LOOK_SECONDS[0]
        while not await store.set_if_absent(SPACE, slot, mark, self._lease):
            found = await store.get(SPACE, slot)
            if found is None:
                continue
            entry = json.loads(found)
            _check(run.arguments, entry["arguments"])
            run.has_key = True
            run.settled.set()
            if "result" in entry:
                return _unpacked(entry["result"])
            if self._is_given_up(entry):
                await store.delete(SPACE, slot, found)
                continue
            await asyncio.sleep(wait)
            wait = min(2 * wait, LOOK_SECONDS[1])
        run.has_key = True
        run.settled.set()
        return None

    def _is_given_up(self, entry: Mapping[str, Any]) -> bool:
        """Whether the server that did the call is known to be gone, and so nobody renews it."""
        process = entry.get("process", "")
        return bool(process) and self._processes is not None and self._processes.is_gone(process)

    async def _renew(self, slot: str, mark: bytes) -> None:
        """Say from time to time that the call still runs."""
        while True:
            await asyncio.sleep(self._lease / 3)
            with contextlib.suppress(ToolError):
                store = self._store()
                if await store.get(SPACE, slot) in (mark, None):
                    await store.set(SPACE, slot, mark, self._lease)

    async def _free(self, slot: str, mark: bytes) -> None:
        with contextlib.suppress(
            ToolError, RuntimeError
        ):  # gone or stopped: the lease ends by itself
            await self._store().delete(SPACE, slot, mark)

    async def _keep(self, slot: str, entry: bytes) -> None:
        """Tell the store what was noted; while it is away, the note stays."""
        try:
            await self._store().set(SPACE, slot, entry, KEPT_SECONDS)
        except ToolError:
            _log.warning("A result with a key could not be stored; it is stored later.")
            self._settle_later()
        else:
            self._notes.drop(slot)

    def _settle_later(self) -> None:
        self._is_behind = True
        if self._settling is None or self._settling.done():
            self._settling = self._tasks.spawn("idempotency notes", self._settle())

    async def _settle(self) -> None:
        """Tell the store all that is noted, as soon as it is there."""
        wait = SETTLE_SECONDS[0]
        while self._is_behind:
            self._is_behind = False  # until a note meanwhile is refused, too
            try:
                for slot in self._notes.all():
                    if _is_whole(entry := self._notes.get(slot) or b""):
                        await self._store().set(SPACE, slot, entry, KEPT_SECONDS)
                        self._notes.drop(slot)
            except ToolError:
                self._is_behind = True
                await asyncio.sleep(wait)
                wait = min(2 * wait, SETTLE_SECONDS[1])


def checked(key: object) -> str:
    """Return a key as a client gave it.

    Raises:
        ToolError: ``invalid_arguments`` when it can be none.
    """
    if isinstance(key, str) and _KEY.fullmatch(key):
        return key
    raise ToolError(
        "invalid_arguments",
        "An idempotency key must be 1 to 200 visible ASCII characters.",
        "Use a new random text, such as a UUID, for each thing to be done.",
    )


def _check(mine: str, first: str) -> None:
    if mine != first:
        raise ToolError(
            "conflict",
            "This idempotency key was used before with other arguments.",
            "Use a new key for a new call.",
        )


def _entry(arguments: str, packed: str | None) -> bytes:
    return f'{{"arguments": "{arguments}", "result": {packed or "null"}}}'.encode()


def _noted(arguments: str, entry: bytes) -> Result:
    """Return the result in a note; one that was written in part says only that it was done."""
    try:
        told = json.loads(entry)
    except ValueError:
        return _unpacked(None)
    _check(arguments, told["arguments"])
    return _unpacked(told["result"])


def _is_whole(entry: bytes) -> bool:
    try:
        json.loads(entry)
    except ValueError:
        return False
    return True


def _packed(result: Result) -> str:
    return json.dumps({**result.to_json(), "meta": dict(result.meta)}, default=str)


def _unpacked(packed: dict[str, Any] | None) -> Result:
    if packed is None:
        raise ToolError(
            "conflict",
            "The call with this key was done, but its result was not kept.",
            "Look at what it did; use a new key to do it again.",
        )
    return replace(Result.from_json(packed), meta=packed["meta"])


def _by_run(call: Call, result: Result) -> Result:
    """Return a result that says which run called, so that another run can tell it from its own."""
    run = run_of(call.meta)
    return replace(result, meta={**result.meta, RESULT_OF: run}) if run else result


def _replayed(call: Call, result: Result) -> Result:
    call.notes["replayed"] = True
    return replace(result, meta={**result.meta, REPLAYED: True})
