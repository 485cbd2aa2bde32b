"""A token family: everything that was decided when somebody made a token for a client.

Access tokens come and go; what they may do, who answers for them and when it all ends stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from jupyter_mcp.security.principal import Principal, fingerprint
from jupyter_mcp.security.tokens.access_token import SUBJECT

Form = Literal["refreshing", "static"]
"""A short-lived access token with a refresh token, or one opaque token for fixed headers."""


@dataclass(frozen=True, slots=True)
class TokenFamily:
    """All tokens that came from one decision.

    Args:
        id: Its identifier, which is no secret.
        name: What it is for, as its maker said.
        form: How its tokens look.
        maker: Who made it; its tokens can never do more.
        scopes: What its tokens may do.
        toolsets: The toolsets that they are limited to; None for all.
        notebooks: Globs of the paths that they are limited to; empty for all.
        created: Unix time.
        expires: Unix time of the end of them all.
        secret_hash: Of the opaque token.
        used: When a token of it was last seen.
        revoked: When it was ended; None while it is good.
        reason: Why it was ended.
    """

    id: str
    name: str
    form: Form
    maker: Principal
    scopes: frozenset[str]
    toolsets: frozenset[str] | None
    notebooks: tuple[str, ...]
    created: float
    expires: float
    secret_hash: str = ""
    used: float | None = None
    revoked: float | None = None
    reason: str = ""

    def principal(self, expires: float) -> Principal:
        """Return who shows a token of this family that ends at `expires`."""
        return Principal(
            id=f"{SUBJECT}{self.id}",
            name=self.name,
            scopes=self.scopes,
            credential=fingerprint(self.id),
            kind="client",
            groups=self.maker.groups,
            token=self.id,
            maker=self.maker,
            toolsets=self.toolsets,
            notebooks=self.notebooks,
            expires=min(expires, self.expires),
        )

    def ended(self, now: float, reason: str) -> TokenFamily:
        """Return the family as it is once it was ended."""
        return replace(self, revoked=now, reason=reason)


def names_of(principal: Principal) -> Iterator[str]:
    """Yield all names of a principal, its makers' included."""
    for each in principal.lineage():
        yield from (name for name in (each.id, each.credential, each.token) if name)


def names_that_end(principal: Principal) -> Iterator[str]:
    """Yield all names by which this principal's own access can be ended.

    None for the person whose server it is, as they are never paused either: somebody has to be
    there who can restore access, and an agent that shuts everybody out must not shut them out.
    """
    return iter(()) if principal.kind == "person" else names_of(principal)
