"""One policy, compiled: what callers are entitled to, by their roles and their limits.

Callers with the same roles and limits share their entitlements, and what is said of an operation is
worked out once for each of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from jupyter_mcp.security.policy.file import Document, Subject
from jupyter_mcp.security.policy.roles import CLOSED, Role, rules_of
from jupyter_mcp.security.policy.rules import Operation, Rule, path_globs
from jupyter_mcp.security.policy.verdicts import Limit, Memo, Verdict
from jupyter_mcp.security.principal import ALL_SCOPES, Principal

PERSON = ("admin",)
OWNER = ("operator",)
CALLERS = 1024
"""How many callers are remembered: each access token of a client is another."""

VERDICTS = 4096
"""Of how many operations is remembered what is said to the same callers."""

WARMED = 20
"""For how many sets of roles that is done beforehand."""

EVERYTHING = Limit(ALL_SCOPES)


@dataclass(slots=True, eq=False)
class Entitlements:
    """What callers with the same roles and limits share.

    Args:
        roles: Their roles.
        limits: What their credentials and those of their makers are limited to.
        rules: The rules of the roles.
        above: Those of whoever made the credential, where it has roles of its own.
        verdicts: What is said of operations, by their identity.
    """

    roles: tuple[str, ...]
    limits: tuple[Limit, ...]
    rules: tuple[Rule, ...]
    above: Entitlements | None
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    @property
    def key(self) -> Hashable:
        """What stands for all callers who share them."""
        return (self.roles, self.limits, None if self.above is None else self.above.key)


class CompiledPolicy:
    """One policy, compiled.

    Args:
        document: The policy.
        root: The server's root folder with slashes.
        is_closed: Whether nobody but the person at the machine gets in, because the policy that is
            meant cannot be used.
    """

    def __init__(self, document: Document, root: str = "", *, is_closed: bool = False) -> None:
        self.document = document
        self._root = root
        self.is_closed = is_closed
        self._kept = Memo()
        self._of: dict[Principal, Entitlements] = {}
        self._shared: dict[Hashable, Entitlements] = {}
        closed = Rule("deny", CLOSED, line=1)
        self._roles: Mapping[str, Role] = {
            **document.roles,
            **({CLOSED: Role(CLOSED, (), (closed,))} if is_closed else {}),
        }

    def roles_of(self, caller: Principal) -> tuple[str, ...]:
        """Return the roles of a caller."""
        return self._own_roles(caller) or self._roles_by_kind(caller)

    def entitlements(self, caller: Principal) -> Entitlements:
        """Return what a caller is entitled to."""
        found = self._of.get(caller)
        if found is None:
            if len(self._of) >= CALLERS:
                self._of.clear()
                self._shared.clear()
            found = self._of[caller] = self._entitled(caller)
        return found

    def of_roles(self, roles: tuple[str, ...]) -> Entitlements:
        """Return what somebody with these roles and no limits is entitled to."""
        return self._share(roles, (), None)

    def warm(self, operations: Iterable[Operation]) -> None:
        """Work out what is said of `operations` for whom the policy names; before it is in force.

        The first call of each would else pay for it on the event loop.
        """
        named = {subject.roles for subject in self.document.subjects}
        entitled = [self.of_roles(roles) for roles in {*named, self.document.default, OWNER}]
        for operation in operations:
            for each in entitled[:WARMED]:
                self.verdict(each, operation)

    def verdict(self, held: Entitlements, operation: Operation) -> Verdict:
        """Return what is said of an operation to whoever holds these entitlements."""
        key = id(operation)  # the verdict keeps the operation, so that no other gets its id
        found = held.verdicts.get(key)
        if found is None:
            if len(held.verdicts) >= VERDICTS:
                held.verdicts.clear()
            above = None if held.above is None else self.verdict(held.above, operation)
            found = held.verdicts[key] = Verdict(
                operation,
                held.rules,
                held.limits,
                self._kept,
                root=self._root,
                above=above,
            )
        return found

    def _entitled(self, caller: Principal) -> Entitlements:
        """Return the entitlements of a caller whom we meet for the first time.

        A token without roles of its own has those of its maker; one that the policy gives roles is
        held to what its maker may do besides.
        """
        own = self._own_roles(caller)
        limit = _limit(caller, own)
        maker = None if caller.maker is None else self.entitlements(caller.maker)
        if maker is None:
            return self._share(own or self._roles_by_kind(caller), limit, None)
        if own:
            return self._share(own, limit, maker)
        return self._share(self._roles_by_kind(caller), (*limit, *maker.limits), maker.above)

    def _share(
        self, roles: tuple[str, ...], limits: tuple[Limit, ...], above: Entitlements | None
    ) -> Entitlements:
        made = Entitlements(roles, limits, rules_of(roles, self._roles), above)
        return self._shared.setdefault(made.key, made)

    def _own_roles(self, caller: Principal) -> tuple[str, ...]:
        """Return the roles that the policy or the credential itself names."""
        if self.is_closed:
            return PERSON if caller.kind == "person" else (CLOSED,)
        named = [
            role
            for subject in self.document.subjects
            if is_about(subject, caller)
            for role in subject.roles
        ]
        return tuple(dict.fromkeys(named)) or tuple(r for r in caller.roles if r in self._roles)

    def _roles_by_kind(self, caller: Principal) -> tuple[str, ...]:
        match caller.kind:
            case "person":
                return PERSON
            case "owner":
                return OWNER
            case "client" if caller.maker is not None:
                return self._inherited(caller.maker, caller.scopes)
            case _:
                return self.document.default

    def _inherited(self, maker: Principal, scopes: frozenset[str]) -> tuple[str, ...]:
        """Return the roles of a token's maker; an administrator's decisions need the scope."""
        roles = self.roles_of(maker)
        if "admin" in scopes:
            return roles
        return tuple("operator" if role == "admin" else role for role in roles)


def is_about(subject: Subject, caller: Principal) -> bool:
    """Return whether a subject of a policy means this caller.

    Names that callers choose for themselves count for tokens only, which can never do more than
    their makers: nobody gets another's roles by taking their name.
    """
    who = subject.who
    kind, colon, rest = who.partition(":")
    if who in {"owner", "person"}:
        return caller.kind == who
    if kind == "token" and colon:
        names = (caller.token, caller.name)
        return caller.kind == "client" and any(fnmatchcase(name, rest) for name in names)
    if caller.kind == "client":
        return False
    if kind == "group" and colon:
        return any(fnmatchcase(group, rest) for group in caller.groups)
    if fnmatchcase(caller.id, who):
        return True
    return not colon and fnmatchcase(caller.id.partition(":")[2], who)


def _limit(caller: Principal, roles: tuple[str, ...]) -> tuple[Limit, ...]:
    """Return what a credential is limited to; nobody's guest looks after a server unappointed."""
    globs = path_globs(caller.notebooks) if caller.notebooks else None
    appointed = caller.kind != "user" or bool(caller.roles) or "admin" in roles
    scopes = caller.scopes if appointed else caller.scopes - {"admin"}
    limit = Limit(scopes, caller.toolsets, caller.notebooks, globs)
    return () if limit == EVERYTHING else (limit,)
