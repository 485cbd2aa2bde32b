"""Who a call belongs to.

A principal is made once per request from what Jupyter or JupyterHub says about the caller. It
never holds the credential itself: where one token has to be told from another, a hash stands in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "owner", "user", "client"]
"""What was shown: proof that the owner sits at this machine, the owner's token, somebody else's
login, or a token of ours."""

ALL_SCOPES = frozenset({"read", "edit", "execute", "admin"})
"""Everything that a caller can be allowed; the owner of a single-user server holds all."""

HUB_SCOPE_PREFIX = "custom:mcp:"
"""JupyterHub's custom scopes of ours, such as ``custom:mcp:read``."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a token.

    Args:
        id: Stable identifier; for a token a hash of it.
        name: The name to show.
        scopes: What it may do.
        credential: Hash of the credential that was shown, to which sessions are bound.
        kind: What was shown. A ``person`` is the owner by a browser's login or by the key file
            that only the owner's account can read: the one who may approve what an agent asks.
        groups: The groups that Jupyter or JupyterHub put the caller in.
        roles: Roles that come with the credential; a policy may name others.
        token: Identifier of the token of ours that was shown; empty for all else.
        maker: Who made that token: it can never do more.
        toolsets: The toolsets that the token is limited to; None for all.
        notebooks: Globs of the paths that the token is limited to; empty for all.
        expires: Unix time at which the credential ends; None when it has no end.
        is_workflow: Whether a workflow acts for whoever asked for it, its maker.
    """

    id: str
    name: str
    scopes: frozenset[str] = ALL_SCOPES
    credential: str = ""
    kind: Kind = "owner"
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    token: str = ""
    maker: Principal | None = None
    toolsets: frozenset[str] | None = None
    notebooks: tuple[str, ...] = ()
    expires: float | None = None
    is_workflow: bool = False

    def __hash__(self) -> int:
        """Return a hash of what tells most callers apart: it is asked for again at each call."""
        return hash((self.id, self.credential))

    @property
    def bound_to(self) -> str:
        """What sessions and grants of this caller hang on: our token, else the credential."""
        return self.token or self.credential

    @property
    def is_owners(self) -> bool:
        """Whether the server's owner is behind it, by themselves or as who made the token."""
        return (self.maker or self).kind in ("owner", "person")

    @property
    def is_by_workflow(self) -> bool:
        """Whether a workflow acts, or whom one gave a token: nobody who decides for a person."""
        return any(each.is_workflow for each in self.lineage())

    def lineage(self) -> Iterator[Principal]:
        """Yield the principal, who made its token, who made that one's, and so on."""
        current: Principal | None = self
        while current is not None:
            yield current
            current = current.maker


def fingerprint(credential: str) -> str:
    """Return a short hash that stands for a credential wherever it has to be recognised."""
    return hashlib.sha256(credential.encode()).hexdigest()[:24]


def scopes_from_hub(hub_scopes: Iterable[str]) -> frozenset[str]:
    """Return our scopes for the scopes of a JupyterHub token.

    Access to the server is the Hub's own decision and was taken before. A token that carries any
    of our custom scopes is narrowed to those; one that carries none may do what its holder could
    do in JupyterLab, that is everything. JupyterHub expands sub-scopes itself and may add a filter
    (``custom:mcp:read!user=ann``).
    """
    ours = scopes_named(hub_scopes)
    return ALL_SCOPES & ours if ours else ALL_SCOPES


def scopes_named(hub_scopes: Iterable[str]) -> frozenset[str]:
    """Return those of our scopes that a JupyterHub token carries by name."""
    ours = (s.removeprefix(HUB_SCOPE_PREFIX) for s in hub_scopes if s.startswith(HUB_SCOPE_PREFIX))
    return frozenset(scope.split("!", 1)[0] for scope in ours)
