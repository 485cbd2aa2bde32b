"""Serves the result of a tool again, where its author says for how long that is right.

Only tools with ``cacheable_for`` take part, and a failure is never kept. A result is served to
those who see the same (`Sight.key`) and ask with the same arguments; where the tool can know who
calls, because it takes a `Context`, only to the same principal. Results for their caller's eyes
only are not kept, nor is what somebody was asked for while the tool ran told from anything else,
so a tool that asks should not say that it can be cached.

What changes takes results away at once, rather too many than too few:

- a `ResourceUpdated` all results of toolsets that offer resources of its URI's scheme, all of
  toolsets that offer no resources, since nobody knows what those look at, and any result whose
  call or contents name the URI;
- a `ResourcesChanged` or `ToolsChanged` all there are.

A call that was on its way then is not kept, nor shared with calls that come later. Events are this
process's own. Its replicas keep a result in memory for at most a few seconds and look into the
shared store then, where it is gone; what lay there when this process began to serve a toolset is
taken out first, because nobody told it what changed meanwhile.

Equal calls at the same time run once. The first does the work, the others wait for its result; if
it is cancelled or out of time one of the others goes on in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields, is_dataclass, replace

from jupyter_mcp.calls.call import Asked, Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.events import Event, ResourcesChanged, ResourceUpdated, ToolsChanged
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.deadline import granted
from jupyter_mcp.policies.keys import canonical, digest
from jupyter_mcp.policies.lru import CachedResult, TaggedLru
from jupyter_mcp.policies.stores import Store
from jupyter_mcp.security.principal import Principal

CACHED = "jupyter-mcp/cached"
AGE = "jupyter-mcp/age"
"""Keys in the ``_meta`` of a result that was served again; the age is in seconds."""

MEMORY = 32 * 2**20
"""How many bytes of results are kept in memory."""

LARGEST = 2**20
"""The most bytes of one result that is kept."""

LOCAL_SECONDS = 5.0
"""For how long a result is served from memory where other servers share the store."""

UPDATES = 1000
"""How many URIs are remembered that changed, for results from the shared store."""

PASSING = frozenset({"cancelled", "timeout"})
"""Failures that were the first caller's and not the tool's."""

_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>\\]+")


@dataclass(eq=False, slots=True)
class _Flight:
    """A call that is on its way, for all that ask the same meanwhile.

    Args:
        toolset: The toolset of its tool.
        text: What it is asked, in which URIs may stand.
        began: When it began.
        count: How many updates there had been.
        ended: Its result, its error, or None when somebody else has to do it.
        is_stale: Whether something changed since it began.
    """

    toolset: str
    text: str
    began: float
    count: int
    ended: asyncio.Future[Result | ToolError | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    is_stale: bool = False


class Cache:
    """The policy.

    Args:
        key: Returns what stands for all principals that see the same.
        schemes: Returns the schemes of the resources that a toolset offers.
        redact: Returns a result as it goes out: what is kept outside of memory is redacted.
        tasks: The owner of background tasks.
        memory: How many bytes of results are kept in memory.
        clock: Tells the time.
        tell: Called with ``hit`` or ``miss`` for each call that may be served again.
    """

    def __init__(
        self,
        key: Callable[[Principal], Hashable],
        schemes: Callable[[str], frozenset[str]],
        redact: Callable[[Result], Result],
        tasks: Supervisor,
        *,
        memory: int = MEMORY,
        clock: Callable[[], float] = time.time,
        tell: Callable[[str], object] = str,
    ) -> None:
        self._tell = tell
        self._key = key
        self._schemes = schemes
        self._redact = redact
        self._tasks = tasks
        self._clock = clock
        self._memory = TaggedLru(memory)
        self._flights: dict[str, _Flight] = {}
        self._store: Store | None = None
        self._local = float("inf")
        self._count = 0
        self._updated: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._forgotten = float("-inf")
        self._changes: dict[str, int] = {}
        self._clean: dict[str, int] = {}
        self._cleaning: set[str] = set()

    def share(self, store: Store, *, with_others: bool) -> None:
        """Keep results in `store` too; `with_others` when other servers keep theirs there."""
        self._store = store
        self._local = LOCAL_SECONDS if with_others else float("inf")

    async def __call__(self, call: Call, following: Following) -> Result:
        """Serve a result again, or let the call pass and keep what it gives."""
        operation = call.operation
        seconds = operation.cacheable_for
        if not seconds or operation.kind != "tool" or operation.secret_output:
            return await following(call)
        text = canonical(call.values)
        key = self._name(operation, call.principal, text)
        self._changes.setdefault(operation.toolset, 0)
        while True:
            kept = self._memory.get(key, self._clock())
            if kept is not None:
                return self._served(call, kept)
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(call, following, key, text, seconds)
            async with granted(call):
                ended = await asyncio.shield(flight.ended)
            if isinstance(ended, ToolError):
                raise ended
            if ended is not None:
                return self._marked(call, ended, 0.0)

    def changed(self, event: Event) -> None:
        """Take away what may not be right any more; a listener of `Events`."""
        if not isinstance(event, ResourceUpdated | ResourcesChanged | ToolsChanged):
            return
        if not isinstance(event, ResourceUpdated):
            self._memory.clear()
            self._touched(set(self._changes), lambda _: True)
            return
        uri = event.uri
        touched = {toolset for toolset in self._changes if self._touches(uri, toolset)}
        for tag in (uri, *map(_tag, touched)):
            self._memory.drop(tag)
        self._touched(touched, lambda flight: flight.toolset in touched or uri in flight.text)
        self._count += 1
        self._updated[uri] = (self._count, self._clock())
        self._updated.move_to_end(uri)
        if len(self._updated) > UPDATES:
            _, (_, self._forgotten) = self._updated.popitem(last=False)

    def _touched(self, toolsets: set[str], stale: Callable[[_Flight], bool]) -> None:
        for toolset in toolsets:
            self._changes[toolset] += 1
        for key, flight in list(self._flights.items()):
            if stale(flight):
                flight.is_stale = True
                del self._flights[key]

    async def _lead(
        self, call: Call, following: Following, key: str, text: str, seconds: float
    ) -> Result:
        flight = self._flights[key] = _Flight(
            call.operation.toolset, text, self._clock(), self._count
        )
        ended: Result | ToolError | None = None
        try:
            kept = await self._fetch(flight.toolset, key)
            if kept is not None and not flight.is_stale:
                self._memory.put(key, kept)
                ended = kept.result
                return self._served(call, kept)
            self._tell("miss")
            result = await following(call)
        except ToolError as error:
            ended = None if error.code in PASSING else error
            raise
        else:
            if not result.is_error:
                ended = result
                await self._keep(flight, key, result, seconds)
            return result
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.ended.set_result(ended)

    async def _keep(self, flight: _Flight, key: str, result: Result, seconds: float) -> None:
        packed = _packed(self._redact(result))
        if flight.is_stale or packed is None or len(packed) > LARGEST:
            return
        now, named = self._clock(), _uris(f"{flight.text} {packed.decode()}")
        if any(uri in self._updated and self._updated[uri][0] > flight.count for uri in named):
            return
        until = now + min(seconds, self._local)
        tags = named | {_tag(flight.toolset)}
        self._memory.put(key, CachedResult(result, len(packed), now, until, tags))
        if self._is_clean(flight.toolset):
            entry = b'{"made": %a, "expires": %a, "result": %b}' % (
                flight.began,
                now + seconds,
                packed,
            )
            with contextlib.suppress(ToolError):
                await self._shared.set(_space(flight.toolset), key, entry, seconds)

    async def _fetch(self, toolset: str, key: str) -> CachedResult | None:
        """Return what the shared store has."""
        if not self._is_clean(toolset):
            return None
        found = None
        with contextlib.suppress(ToolError):
            found = await self._shared.get(_space(toolset), key)
        if found is None or not self._is_clean(toolset):
            return None
        entry, named = json.loads(found), _uris(found.decode())
        now, made, expires = self._clock(), entry["made"], entry["expires"]
        if expires <= now or made <= self._forgotten:
            return None
        if any(uri in self._updated and self._updated[uri][1] >= made for uri in named):
            return None
        result = replace(Result.from_json(entry["result"]), meta=entry["result"]["meta"])
        until = min(expires, now + self._local)
        return CachedResult(result, len(found), made, until, named | {_tag(toolset)})

    @property
    def _shared(self) -> Store:
        if self._store is None:
            raise ToolError("unavailable", "There is no shared store.")
        return self._store

    def _is_clean(self, toolset: str) -> bool:
        """Return whether what the store has of a toolset can be right; else have it taken out."""
        if self._store is None:
            return False
        if self._clean.get(toolset) == self._changes[toolset]:
            return True
        if toolset not in self._cleaning:
            self._cleaning.add(toolset)
            self._tasks.spawn("cache", self._clear(toolset))
        return False

    async def _clear(self, toolset: str) -> None:
        try:
            changes = self._changes[toolset]
            with contextlib.suppress(ToolError):  # the next call tries again
                await self._shared.clear(_space(toolset))
                self._clean[toolset] = changes
        finally:
            self._cleaning.discard(toolset)

    def _touches(self, uri: str, toolset: str) -> bool:
        schemes = self._schemes(toolset)
        return not schemes or uri.partition(":")[0] in schemes

    def _name(self, operation: Asked, principal: Principal, text: str) -> str:
        who = "" if operation.context is None else principal.id
        view = _stable(self._key(principal))
        return digest(who, view, operation.toolset, operation.name, text)

    def _served(self, call: Call, kept: CachedResult) -> Result:
        self._tell("hit")
        return self._marked(call, kept.result, self._clock() - kept.made)

    def _marked(self, call: Call, result: Result, age: float) -> Result:
        call.notes["cached"] = True
        meta = {**result.meta, CACHED: True, AGE: round(max(age, 0.0), 3)}
        return replace(result, meta=meta)


def _stable(key: Hashable) -> str:
    """Return a view's key in a form that is the same in all processes."""
    if isinstance(key, frozenset):
        return f"{{{','.join(sorted(map(_stable, key)))}}}"
    if isinstance(key, tuple):
        return f"({','.join(map(_stable, key))})"
    if is_dataclass(key):
        return f"{type(key).__name__}{_stable(tuple(getattr(key, f.name) for f in fields(key)))}"
    return repr(key)


def _uris(text: str) -> frozenset[str]:
    return frozenset(_URI.findall(text))


def _tag(toolset: str) -> str:
    return f"toolset {toolset}"


def _space(toolset: str) -> str:
    return f"cache:{toolset}"[:32]


def _packed(result: Result) -> bytes | None:
    try:
        return json.dumps({**result.to_json(), "meta": dict(result.meta)}).encode()
    except (TypeError, ValueError):
        return None
