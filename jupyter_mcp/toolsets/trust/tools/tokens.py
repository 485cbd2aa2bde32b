"""Tools on tokens for clients, and on access that was ended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.security.moments import in_utc, seconds_of
from jupyter_mcp.security.tokens.access import Ended
from jupyter_mcp.security.tokens.family import Form, TokenFamily
from jupyter_mcp.toolsets.trust.tools.base import TrustTools

TokenId = Annotated[str, Field(min_length=1, max_length=64, description="As token_list shows it")]
Who = Annotated[
    str,
    Field(
        min_length=1,
        max_length=190,
        description="A principal's id, a credential's fingerprint or a token's id",
    ),
]


class NewToken(Shape):
    """A token that was just made: the only time that it can be seen."""

    id: str
    name: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no token, its kind
    access_token: str
    refresh_token: str | None = None
    access_expires_at: str
    expires_at: str
    scopes: list[str]
    toolsets: list[str] | None = None
    notebooks: list[str]


class TokenState(Shape):
    """A token family, without its tokens."""

    id: str
    name: str
    form: Form
    maker: str
    scopes: list[str]
    toolsets: list[str] | None = None
    notebooks: list[str]
    created_at: str
    expires_at: str
    last_used_at: str | None = None
    revoked: bool
    revoked_at: str | None = None
    reason: str = ""


class TokenList(Shape):
    """Token families, the newest first."""

    tokens: list[TokenState]


class EndedAccess(Shape):
    """Somebody who has to stay outside."""

    who: str
    by: str
    at: str
    reason: str = ""


class AccessList(Shape):
    """Everybody who has to stay outside, the newest first."""

    ended: list[EndedAccess]


class TokenTools(TrustTools):
    """Make, list and revoke tokens; end and restore access."""

    @tool(scope="admin", title="Make a token for a client", secret_output=True)
    async def token_create(
        self,
        ctx: Context,
        *,
        scopes: Annotated[
            list[str], Field(description="Any of read, edit, execute, admin; never more than yours")
        ],
        toolsets: Annotated[
            list[str] | None, Field(description="Limit it to these toolsets")
        ] = None,
        notebooks: Annotated[
            list[str] | None, Field(description="Limit it to paths such as course/*")
        ] = None,
        expires: Annotated[str, Field(max_length=40, description="30m, 12h, 7d or 2w")] = "7d",
        name: Annotated[str, Field(max_length=200, description="What it is for")] = "",
        form: Annotated[
            Form, Field(description="static for clients that can only send a fixed header")
        ] = "refreshing",
    ) -> Reply[NewToken]:
        """Make a token that another client can show to this server, and nowhere else."""
        issued = await self.trust.tokens.create(
            ctx.principal,
            scopes,
            toolsets=toolsets,
            notebooks=notebooks,
            expires_seconds=seconds_of(expires),
            name=name,
            form=form,
        )
        family = issued.family
        made = NewToken(
            id=family.id,
            name=family.name,
            access_token=issued.access_token,
            refresh_token=issued.refresh_token,
            access_expires_at=in_utc(issued.access_expires),
            expires_at=in_utc(family.expires),
            scopes=sorted(family.scopes),
            toolsets=_listed(family.toolsets),
            notebooks=list(family.notebooks),
        )
        line = f"Made token {made.id} ({made.name}), good until {made.expires_at}."
        secret = made.refresh_token or made.access_token
        kind = "Refresh token" if made.refresh_token else "Token"
        return Reply(made, [Text(f"{line} It is shown this once.\n{kind}: {secret}")])

    @tool(scope="admin", read_only=True, title="List the tokens of clients")
    async def token_list(self) -> TokenList:
        """All tokens that were made for clients, with what they may do; never the tokens."""
        families = await self.trust.tokens.families()
        return TokenList(tokens=[_state(family) for family in families])

    @tool(scope="admin", title="Revoke a token", idempotent=True, restrains=True)
    async def token_revoke(
        self,
        ctx: Context,
        token_id: TokenId,
        reason: Annotated[str, Field(max_length=500, description="For the audit")] = "",
    ) -> TokenState:
        """End a token for good, with all tokens that it made and everything that runs for it."""
        said = " ".join(reason.split()) or f"revoked by {ctx.principal.id}"
        return _state(await self.trust.tokens.revoke(token_id, said))

    @tool(scope="admin", title="End somebody's access", idempotent=True, restrains=True)
    async def access_end(
        self,
        ctx: Context,
        who: Who,
        reason: Annotated[str, Field(max_length=500, description="For the audit")] = "",
    ) -> EndedAccess:
        """Keep a person, a login or a client out at once, until their access is restored."""
        principal = ctx.principal
        return _ended(await self.trust.access.end(who, principal, reason))

    @tool(scope="admin", title="Restore somebody's access", idempotent=True)
    async def access_restore(self, who: Who) -> EndedAccess:
        """Let somebody in again whose access was ended."""
        return _ended(await self.trust.access.restore(who))

    @tool(scope="admin", read_only=True, title="List whose access was ended")
    async def access_list(self) -> AccessList:
        """Everybody whose access was ended, by whom and why."""
        return AccessList(ended=[_ended(each) for each in self.trust.access.ended()])


def _state(family: TokenFamily) -> TokenState:
    return TokenState(
        id=family.id,
        name=family.name,
        form=family.form,
        maker=family.maker.id,
        scopes=sorted(family.scopes),
        toolsets=_listed(family.toolsets),
        notebooks=list(family.notebooks),
        created_at=in_utc(family.created),
        expires_at=in_utc(family.expires),
        last_used_at=None if family.used is None else in_utc(family.used),
        revoked=family.revoked is not None,
        revoked_at=None if family.revoked is None else in_utc(family.revoked),
        reason=family.reason,
    )


def _ended(ended: Ended) -> EndedAccess:
    return EndedAccess(who=ended.who, by=ended.by, at=in_utc(ended.at), reason=ended.reason)


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
