"""Who may decide in a person's place: approve what an agent asks, let stopped agents go on.

That is whoever the policy makes an administrator; by default a person, who showed a browser's login
or the key file, and never an agent with the owner's token.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal

ADMIN = "admin"
"""The role of whoever may."""

RolesOf = Callable[["Principal"], Collection[str]]
"""Returns the roles that the policy gives to a principal."""


def decides(principal: Principal, roles_of: RolesOf | None = None) -> bool:
    """Return whether `principal` may decide.

    Args:
        principal: Who wants to.
        roles_of: What the policy says; without one a person may.
    """
    if "admin" not in principal.scopes:
        return False
    if roles_of is None:
        return principal.kind == "person"
    return ADMIN in roles_of(principal)
