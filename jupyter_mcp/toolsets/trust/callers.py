"""Somebody as an administrator names them, to ask what the policy would say of them."""

from __future__ import annotations

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.policy import Policy
from jupyter_mcp.security.principal import ALL_SCOPES, Principal
from jupyter_mcp.security.tokens.tokens import Tokens

ROLE = "role:"
GROUP = "group:"
TOKEN = "token:"  # noqa: S105 - the beginning of a name
USER = "user:"


async def caller_named(user: str, tokens: Tokens) -> Principal:
    """Return whom `user` means.

    Args:
        user: ``owner`` (the server's token), ``person`` (at this machine), ``token:ID``,
            ``group:NAME`` (anybody of that group), an identifier such as ``user:ann``, or a name.
        tokens: Where tokens of clients are looked up.

    Raises:
        ToolError: ``not_found`` for a token that is not there.
    """
    if user == "owner":
        return Principal("token:server", "owner", kind="owner")
    if user == "person":
        return Principal("person:local", "person", kind="person")
    if user.startswith(GROUP):
        name = user.removeprefix(GROUP)
        return _somebody(f"{USER}somebody", f"somebody of {name}", (name,))
    if user.startswith(TOKEN):
        wanted = user.removeprefix(TOKEN)
        for family in await tokens.families():
            if wanted in {family.id, family.name}:
                return family.principal(family.expires)
        raise ToolError(
            "not_found",
            f"There is no token '{wanted[:80]}'.",
            "'jupyter mcp token list' shows all.",
        )
    full = user if ":" in user else f"{USER}{user}"
    return _somebody(full, full.partition(":")[2])


def role_named(user: str, policy: Policy) -> str:
    """Return the role in ``role:NAME``; empty where `user` names no role.

    Raises:
        ToolError: ``not_found`` for a role that is not there.
    """
    if not user.startswith(ROLE):
        return ""
    name = user.removeprefix(ROLE)
    if name not in policy.document.roles:
        known = ", ".join(sorted(policy.document.roles))
        raise ToolError("not_found", f"There is no role '{name[:80]}'.", f"There are: {known}.")
    return name


def _somebody(id_: str, name: str, groups: tuple[str, ...] = ()) -> Principal:
    return Principal(id_, name, ALL_SCOPES - {"admin"}, kind="user", groups=groups)
