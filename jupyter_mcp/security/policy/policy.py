"""The policy in force: who may do what. The one place where that is decided.

It answers from memory. Its file is read in a thread, at the start and whenever it changes; one that
is not understood is refused as a whole, and what was in force stays. At the start there is nothing
to stay: then nobody but the person at the machine gets in, because the file may forbid what the
shipped roles allow.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.compiled import CompiledPolicy, Entitlements
from jupyter_mcp.security.policy.file import Document, read_file
from jupyter_mcp.security.policy.paths import normal_path
from jupyter_mcp.security.policy.rules import Operation
from jupyter_mcp.security.policy.statements import Names
from jupyter_mcp.security.policy.verdicts import Decision, Verdict
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.storage.background import Threads


class Offer(Protocol):
    """All that can be asked for, as the catalog has it."""

    @property
    def operations(self) -> Iterable[Operation]:
        """Every operation."""
        ...

    def changed(self) -> None:
        """Forget who sees what and tell clients."""
        ...


ADMIN = "admin"
"""The role, and the scope, of whoever decides about agents."""


@dataclass(frozen=True, slots=True)
class Pseudo:
    """Something to decide about that no call asks for by name."""

    kind: ClassVar[str] = "resource"
    name: str
    toolset: str
    scope: Literal["read", "edit", "execute", "admin"]
    read_only: bool = True
    destructive: bool = False
    places: frozenset[str] = frozenset()
    pathless: bool = False

    async def touches(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the path that is asked about."""
        return [str(values["path"])] if self.places else ()


NOTEBOOK = Pseudo("notebook", "notebooks", "read", places=frozenset({"path"}))
"""A notebook in a list: seeing that it is there."""

HOLDING = Pseudo("cell_edit", "notebooks", "edit", read_only=False, places=frozenset({"path"}))
"""Saying what stands in a notebook, as the page does that has it open."""

OVERSIGHT = Pseudo("oversight", "trust", "admin", read_only=False)
"""Seeing what others do: their calls and jobs."""


class Policy:
    """Decides who may do what.

    Args:
        file: The policy's file; empty for the shipped roles alone.
        signals: Where a refused file is told.
        threads: Threads to read it in.
        root: The server's root folder with slashes; empty where there is none.
    """

    def __init__(self, file: str, signals: Signals, threads: Threads, root: str = "") -> None:
        self.file = Path(file).expanduser() if file else None
        self.problem: ToolError | None = None
        self.loaded = time.time()
        self._signals = signals
        self._threads = threads
        self._root = root
        self._offer: Offer | None = None
        self._compiled = CompiledPolicy(Document(), root, is_closed=bool(file))

    @property
    def is_closed(self) -> bool:
        """Whether nobody but the person at this machine gets in, for want of a good file."""
        return self._compiled.is_closed

    @property
    def document(self) -> Document:
        """The policy in force."""
        return self._compiled.document

    @property
    def operations(self) -> list[Operation]:
        """Everything that can be asked for."""
        return [] if self._offer is None else list(self._offer.operations)

    @property
    def names(self) -> Names | None:
        """What a policy may name; None where that is not known."""
        if self._offer is None:
            return None
        return Names(
            tools=frozenset(operation.name for operation in self.operations),
            toolsets=frozenset(operation.toolset for operation in self.operations),
        )

    def attach(self, offer: Offer) -> None:
        """Learn what can be asked for, and whom to tell of changes."""
        self._offer = offer

    async def reload(self) -> None:
        """Read the file again and put it in force.

        Raises:
            ToolError: ``invalid_policy`` when it is not understood; what was in force stays.
        """
        if self.file is None:
            return
        try:
            compiled = await self._threads.run(self._compile, self.file)
        except ToolError as error:
            self.problem = error
            self._signals.note("policy_refused", file=str(self.file), reason=str(error))
            raise
        self.problem = None
        self._put_in_force(compiled)

    def _compile(self, file: Path) -> CompiledPolicy:
        """Read and compile a file; blocking."""
        compiled = CompiledPolicy(read_file(file, self.names), self._root)
        compiled.warm(self.operations)
        return compiled

    def _put_in_force(self, compiled: CompiledPolicy) -> None:
        self._compiled = compiled
        self.loaded = time.time()
        if self._offer is not None:
            self._offer.changed()

    def roles_of(self, principal: Principal) -> tuple[str, ...]:
        """Return the roles of a caller."""
        return self._compiled.entitlements(principal).roles

    def key(self, principal: Principal) -> Hashable:
        """Return what stands for all callers who see the same."""
        return self._compiled.entitlements(principal).key

    def sees(self, principal: Principal, operation: Operation) -> bool:
        """Return whether there are arguments with which the caller may use `operation`."""
        return self.verdict(principal, operation).may_pass

    def verdict(self, principal: Principal, operation: Operation) -> Verdict:
        """Return what is said of an operation for a caller, whatever the arguments."""
        compiled = self._compiled
        return compiled.verdict(compiled.entitlements(principal), operation)

    def decide(
        self,
        principal: Principal,
        operation: Operation,
        values: Mapping[str, Any],
        paths: Sequence[str] | None,
    ) -> Decision:
        """Return what is said of a call.

        Args:
            principal: Who asks.
            operation: For what.
            values: The validated arguments.
            paths: The notebooks and files that it touches; None when that is not known.
        """
        return self.verdict(principal, operation).decide(values, paths)

    async def judge(
        self, principal: Principal, operation: Operation, values: Mapping[str, Any]
    ) -> Decision:
        """Decide about a call, and find out what it touches where that matters."""
        verdict = self.verdict(principal, operation)
        if verdict.settled is not None:
            return verdict.settled
        paths = await operation.touches(values) if verdict.wants_paths else ()
        return verdict.decide(values, paths)

    async def allows(
        self, principal: Principal, operation: Operation, values: Mapping[str, Any]
    ) -> bool:
        """Return whether a call would not be refused."""
        return (await self.judge(principal, operation, values)).effect != "deny"

    def verdict_of_roles(self, roles: tuple[str, ...], operation: Operation) -> Verdict:
        """Return what is said of an operation for roles, without limits of a credential."""
        compiled = self._compiled
        return compiled.verdict(compiled.of_roles(roles), operation)

    def shows(self, principal: Principal, path: str) -> bool:
        """Return whether a caller may see that the notebook `path` is there."""
        return self.decide(principal, NOTEBOOK, {"path": path}, [path]).effect != "deny"

    def shows_folder(self, principal: Principal, folder: str) -> bool:
        """Return whether a caller may see that a folder is there."""
        held = self._compiled.entitlements(principal)
        inside = normal_path(folder, self._root)
        return _leads(held, inside) and _is_open(self._compiled.verdict(held, NOTEBOOK), inside)

    def may_hold(self, principal: Principal, path: str) -> bool:
        """Return whether a caller's page is believed what it says of the notebook `path`."""
        return self.decide(principal, HOLDING, {"path": path}, [path]).effect != "deny"

    def shows_pathless(self, principal: Principal) -> bool:
        """Return whether a caller may see what belongs to no notebook."""
        return self.decide(principal, NOTEBOOK, {}, None).lack != "notebook"

    def decides(self, principal: Principal) -> bool:
        """Return whether a caller may decide what only a person decides: whether agents may go on.

        That is an administrator: by default who showed a browser's login or the key file, and
        never an agent with the owner's token. Nor is it a workflow of theirs, which they may have
        started without having read all of it.
        """
        if principal.is_by_workflow:
            return False
        return ADMIN in principal.scopes and ADMIN in self.roles_of(principal)

    def oversees(self, principal: Principal) -> bool:
        """Return whether a caller may see what others do."""
        return self.decide(principal, OVERSIGHT, {}, ()).effect == "allow"

    def owner_seen(self, principal: Principal) -> str | None:
        """Return whose calls and jobs a caller sees: their own, or None for everybody's."""
        return None if self.oversees(principal) else principal.id


def _leads(held: Entitlements, folder: str) -> bool:
    """Return whether a credential's globs can match something below `folder`."""
    return all(limit.globs is None or limit.globs.leads_to(folder) for limit in held.limits) and (
        held.above is None or _leads(held.above, folder)
    )


def _is_open(verdict: Verdict, folder: str) -> bool:
    """Return whether no rule forbids all that is below `folder`."""
    probe = f"{folder}/-" if folder else "-"
    decision = verdict.decide({"path": probe}, [probe])
    outside = None if decision.source is None else decision.source.outside
    if outside is not None and outside.leads_to(folder):
        return True
    return decision.effect != "deny" or decision.lack == "notebook"
