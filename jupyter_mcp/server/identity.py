"""Who sent a request: the person at this machine, a client of ours, or whom Jupyter knows.

Tokens of ours and the key of the person are looked at before Jupyter's provider is asked, so they
work behind any provider and behind JupyterHub.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.utils import ensure_async

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import (
    ALL_SCOPES,
    Kind,
    Principal,
    fingerprint,
    scopes_from_hub,
    scopes_named,
)
from jupyter_mcp.security.tokens.access_token import is_ours
from jupyter_mcp.server.challenge import FIRST_SCOPE, INVALID, challenge
from jupyter_mcp.server.credentials import Credentials
from jupyter_mcp.server.person import PREFIX, PersonKey
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

_OVERRIDABLE = (
    "get_user",
    "_get_user",
    "get_user_token",
    "get_token",
    "generate_anonymous_user",
)


class Identity:
    """Recognises who sends requests, for all doors of one server.

    Args:
        person: The key of whoever sits at this machine.
        credentials: Tokens of ours, and whom an administrator has shut out.
    """

    def __init__(self, person: PersonKey, credentials: Credentials) -> None:
        self._person = person
        self._credentials = credentials
        self._stock: dict[type, bool] = {}
        self._owner: tuple[str, Principal, User] | None = None

    async def of(self, handler: JupyterHandler) -> Principal:
        """Return who sent the request.

        Raises:
            Refused: 401 when nobody knows them, or they have to stay outside.
        """
        try:
            principal = await self._known(handler)
            await self._credentials.check_welcome(principal, handler)
        except Refused as refused:
            if refused.status == HTTPStatus.UNAUTHORIZED:
                self._credentials.note("login_failed", handler)
                refused.headers.setdefault(
                    "WWW-Authenticate",
                    f"{challenge(handler)}, {INVALID}",
                )
            raise
        return principal

    async def of_token(self, handler: JupyterHandler, shown: str) -> Principal:
        """Return who shows a token of ours on a connection that is open already.

        Raises:
            Refused: 401 when it is not good any more.
        """
        principal = await self._credentials.principal_of(shown, handler)
        await self._credentials.check_welcome(principal, handler)
        return principal

    async def _known(self, handler: JupyterHandler) -> Principal:
        provider = handler.identity_provider
        shown = bearer(handler)
        if shown and is_ours(shown):
            return await self._by_our_token(handler, shown)
        principal = self._by_key(handler, shown) or self._owner_by_token(handler, provider)
        if principal is not None:
            return principal
        user = cast("User | None", await ensure_async(provider.get_user(handler)))
        handler.current_user = handler._jupyter_current_user = user  # noqa: SLF001 - Jupyter's own checks look there
        if user is None:
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                ToolError(
                    "unauthorized",
                    "This server wants a token.",
                    "Send 'Authorization: Bearer TOKEN'; 'jupyter server list' shows the token.",
                ),
                {"WWW-Authenticate": challenge(handler, FIRST_SCOPE)},
            )
        return self._principal(handler, provider, user)

    async def _by_our_token(self, handler: JupyterHandler, shown: str) -> Principal:
        """Recognise a client by a token of ours; what else came with the request does not count."""
        principal = await self._credentials.principal_of(shown, handler)
        user = User(
            username=_username(principal),
            name=principal.name,
            display_name=f"{principal.name} (token {principal.token})",
        )
        _enter_as(handler, user)
        return principal

    def _by_key(self, handler: JupyterHandler, shown: str) -> Principal | None:
        """Recognise the person at this machine by the key that their account can read."""
        if not shown.startswith(PREFIX) or not self._person.matches(shown):
            return None
        principal = self._person.principal
        _enter_as(handler, User(username=principal.name, name=principal.name))
        return principal

    def _owner_by_token(
        self, handler: JupyterHandler, provider: IdentityProvider
    ) -> Principal | None:
        """Recognise the server's own token without the provider's detour.

        The stock provider invents a new user for each token request and signs a login cookie for
        it; that costs more than the call itself. The token is compared at every request, so a
        changed one is refused at once.
        """
        if not provider.token or not self._is_stock(type(provider)):
            return None
        shown = provider.get_token(handler)
        if not shown or not hmac.compare_digest(shown.encode(), provider.token.encode()):
            return None
        if self._owner is None or self._owner[0] != shown:
            mark = fingerprint(shown)
            user = User(username=f"token-{mark}", name="token", display_name="Token")
            self._owner = (shown, Principal(f"token:{mark}", "token", credential=mark), user)
        _enter_as(handler, self._owner[2])
        return self._owner[1]

    def _principal(
        self, handler: JupyterHandler, provider: IdentityProvider, user: User
    ) -> Principal:
        token = provider.get_token(handler) if handler.token_authenticated else None
        hub_user: dict[str, Any] | None = getattr(user, "hub_user", None)
        if hub_user is not None:
            return _hub_principal(hub_user, token)
        if not provider.auth_enabled:
            return Principal("user:anonymous", "anonymous", credential=fingerprint("anonymous"))
        shown = user.display_name or user.name or user.username
        mark = fingerprint(token or f"cookie of {user.username}")
        name = f"user:{user.username}"
        if not self._is_stock(type(provider)):
            groups = _groups(getattr(user, "groups", ()))
            scopes = ALL_SCOPES - {"admin"} if token else ALL_SCOPES  # agents carry tokens
            return Principal(name, shown, scopes, mark, kind="user", groups=groups)
        return Principal(name, shown, credential=mark, kind="owner" if token else "person")

    def _is_stock(self, provider: type[IdentityProvider]) -> bool:
        known = self._stock.get(provider)
        if known is None:
            known = self._stock[provider] = all(
                getattr(provider, name) is getattr(IdentityProvider, name) for name in _OVERRIDABLE
            )
        return known


def bearer(handler: JupyterHandler) -> str:
    """Return the token in the Authorization header; empty where there is none."""
    scheme, _, token = handler.request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "token") else ""


def _username(principal: Principal) -> str:
    """Return by which name Jupyter's authorizer knows whoever answers for a token."""
    *_, first = principal.lineage()
    kind, _, name = first.id.partition(":")
    return {"user": name, "token": f"token-{name}"}.get(kind, first.name)


def _enter_as(handler: JupyterHandler, user: User) -> None:
    """Tell Jupyter's own checks whose request this is, and that no cookie brought it."""
    handler.current_user = handler._jupyter_current_user = user  # noqa: SLF001 - Jupyter's own checks look there
    handler._token_authenticated = True  # type: ignore[attr-defined]  # noqa: SLF001 - as the provider does


def _hub_principal(hub_user: Mapping[str, Any], token: str | None) -> Principal:
    """Return who a user of JupyterHub is on this server.

    The one whose server it is owns it. Others came because it was shared with them; what the Hub
    granted by our custom scopes they have, and no more than a policy says without.
    """
    name = str(hub_user["name"])
    granted = hub_user.get("scopes", ())
    scopes = scopes_from_hub(granted)
    is_owner = name == os.environ.get("JUPYTERHUB_USER", name)
    is_narrowed = scopes_named(granted)
    groups = _groups(hub_user.get("groups"))
    mark = fingerprint(token or f"cookie of {name}")
    if is_owner:
        kind: Kind = "owner" if token else "person"
        return Principal(f"user:{name}", name, scopes, mark, kind=kind, groups=groups)
    return Principal(
        f"user:{name}",
        name,
        scopes if is_narrowed else scopes - {"admin"},
        mark,
        kind="user",
        groups=groups,
        roles=("operator",) if is_narrowed else (),
    )


def _groups(told: Any) -> tuple[str, ...]:
    """Return the groups that a provider or the Hub puts a user in."""
    is_several = isinstance(told, list | tuple | set | frozenset)
    return tuple(sorted(str(group) for group in told)) if is_several else ()
