"""An identity provider with several people and an authorizer that can be told to say no."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User

RECORD = "TEST_AUTHORIZER_RECORD"
"""Environment variable with the file in which the authorizer writes what it was asked."""

DENY = "X-Test-Deny"
"""Header that names the action to refuse."""


@dataclass
class GroupedUser(User):
    """A user as the provider of a site makes them, with the groups of its directory."""

    groups: tuple[str, ...] = ()


LOGIN = "X-Test-Login"
"""Header in which a site's proxy tells who is logged in, by which name."""


class Directory(IdentityProvider):
    """A site's own provider: ann teaches, bob studies."""

    def get_user(self, handler: Any) -> User | None:
        """Return who is logged in, or whose token it is."""
        if name := handler.request.headers.get(LOGIN):
            return GroupedUser(name)
        name, _, kind = (self.get_token(handler) or "").partition("-")
        if name not in ("ann", "bob") or kind != "token":
            return None
        handler._token_authenticated = True
        return GroupedUser(name, groups=("teachers",) if name == "ann" else ("students",))


@dataclass
class HubUser(User):
    """A user as JupyterHub's provider makes them, with the scopes of the token shown."""

    hub_user: dict[str, Any] = field(default_factory=dict)


class Crowd(IdentityProvider):
    """Knows ann's and bob's tokens, and such with one scope only, as ``ann-token-read``."""

    def get_user(self, handler: Any) -> User | None:
        """Return whose token it is."""
        name, _, kind = (self.get_token(handler) or "").partition("-token")
        if name not in ("ann", "bob"):
            return None
        handler._token_authenticated = True
        scopes = ["access:servers!server"]
        if kind:
            scopes.append(f"custom:mcp:{kind.removeprefix('-')}!user={name}")
        return HubUser(username=name, hub_user={"name": name, "scopes": scopes})


class Judge(Authorizer):
    """Writes down what it is asked, and refuses the action that a header names."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Decide."""
        asked = {
            "path": handler.request.path,
            "method": handler.request.method,
            "user": user.username,
        }
        line = json.dumps({**asked, "action": action, "resource": resource})
        with Path(os.environ[RECORD]).open("a") as record:
            record.write(f"{line}\n")
        return bool(handler.request.headers.get(DENY) != action)
