"""Tokens for clients: made, checked, refreshed and taken back here.

A token never leaves this server for another one, and nothing here keeps a token itself: only
hashes, without salt, because all of a token is random.
"""

from __future__ import annotations

import math
import secrets
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security import private_file
from jupyter_mcp.security.canonical import sha256
from jupyter_mcp.security.tokens.access_token import (
    KEY_BYTES,
    LIMIT,
    REFRESH,
    STATIC,
    Claims,
    Signer,
    TokenRefused,
)
from jupyter_mcp.security.tokens.acting import RUN, SECONDS, ActingToken, acting_for, owner_of
from jupyter_mcp.security.tokens.families import Families
from jupyter_mcp.security.tokens.family import Form, TokenFamily
from jupyter_mcp.security.tokens.limits import granted
from jupyter_mcp.security.tokens.store import Exchange
from jupyter_mcp.security.tokens.throttle import Throttle
from jupyter_mcp.storage.home import home_of

if TYPE_CHECKING:
    from jupyter_mcp.security.ground import Ground
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.signals import Signals
    from jupyter_mcp.security.tokens.leases import Leases

OVER = frozenset({"succeeded", "failed", "cancelled", "compensated"})
"""The states of runs for which nobody acts any more."""

MEMO_LIMIT = 1024
"""How many checked tokens are remembered until they expire."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens that were just made; they are kept nowhere else.

    Args:
        family: Their family.
        access_token: What a client shows.
        issued: Unix time at which that was made.
        access_expires: Unix time at which it ends.
        refresh_token: What it is exchanged for the next ones with; None for a static token.
    """

    family: TokenFamily
    access_token: str = field(repr=False)
    issued: float
    access_expires: float
    refresh_token: str | None = field(default=None, repr=False)


class Tokens:
    """The tokens of one server.

    Args:
        ground: What it stands on.
        signals: Where theft is told.
        leases: What ends when a token is taken back.
        clock: Tells the Unix time.
    """

    def __init__(
        self,
        ground: Ground,
        signals: Signals,
        leases: Leases,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ground = ground
        self._signals = signals
        self._clock = clock
        self._throttle = Throttle(clock)
        self._memo: OrderedDict[str, Principal] = OrderedDict()
        self._families = Families(ground, leases, self._memo.clear, clock)
        self._signer: Signer | None = None
        self.known_toolsets: Callable[[], Iterable[str]] | None = None

    async def start(self) -> None:
        """Read the key and the families; without them no token of ours is good."""
        self._signer = await self._ground.threads.run(self._prepare)
        await self._families.start()

    async def stop(self) -> None:
        """Write down which tokens were used."""
        await self._families.stop()

    async def principal_of(self, shown: str) -> Principal:
        """Return who shows a token.

        Raises:
            TokenRefused: When it is not good, with the reason.
        """
        await self._families.catch_up()
        key = sha256(shown)
        now = self._clock()
        principal = self._memo.get(key)
        if principal is None:
            await self._load_library()
            principal = await self._checked(shown, key, now)
            self._remember(key, principal)
        elif (principal.expires or 0) <= now:
            raise TokenRefused("expired", principal.token)
        if principal.token:
            self._families.note_use(principal.token, now)
        return principal

    async def create(
        self,
        maker: Principal,
        scopes: Iterable[str],
        *,
        toolsets: Iterable[str] | None = None,
        notebooks: Iterable[str] | None = None,
        expires_seconds: float,
        name: str = "",
        form: Form = "refreshing",
    ) -> Issued:
        """Make a token for a client.

        Raises:
            ToolError: ``invalid_arguments`` for what makes no sense, ``forbidden`` for more than
                its maker has, ``unavailable`` when there are too many.
        """
        now = self._clock()
        self._families.check_room(now)
        grant = granted(
            maker,
            scopes,
            toolsets,
            notebooks,
            name,
            expires=now + expires_seconds,
            now=now,
            maker_ends=self._families.end_of(maker),
            known_toolsets=self.known_toolsets,
        )
        family = TokenFamily(
            id=secrets.token_hex(8),
            name=grant.name,
            form=form,
            maker=maker,
            scopes=grant.scopes,
            toolsets=grant.toolsets,
            notebooks=grant.notebooks,
            created=now,
            expires=grant.expires,
        )
        return await (self._static(family) if form == "static" else self._refreshing(family))

    async def refresh(self, shown: str, address: str = "") -> Issued:
        """Exchange a refresh token for a new pair; one that is shown again ends its family.

        Raises:
            TokenRefused: When it is not good, with the reason.
        """
        await self._load_library()
        await self._families.catch_up()
        now, old = self._clock(), sha256(shown)
        if family_id := self._families.of_refresh(old):
            self._families.live(family_id, now)
        elif self._throttle.wait(address):
            raise TokenRefused("too many guesses")
        successor = REFRESH + secrets.token_urlsafe(32)
        exchange = await self._families.exchange(old, sha256(successor), now)
        if exchange.outcome != "new":
            self._throttle.miss(address)
            raise await self._not_exchanged(exchange, address)
        family = self._families.live(exchange.family, now)
        self._families.note_use(exchange.family, now)
        return self._issued(family, now, successor)

    @property
    def home(self) -> str:
        """Whose runs it gives tokens for, as `jupyter_mcp.storage.home`."""
        return home_of(self._ground.state, self._ground.settings.database_url)

    async def act_for(self, run: str) -> ActingToken:
        """Return a token by which a workflow's run acts for its owner.

        Raises:
            TokenRefused: When there is no such run that goes on, or its owner's token is not good.
        """
        found = await owner_of(self._ground.storage, run, self.home)
        if found is None or found[1] in OVER:
            raise TokenRefused("no such run goes on")
        await self._load_library()
        await self._families.catch_up()
        if self._signer is None:
            raise TokenRefused("tokens are not ready")
        now = self._clock()
        expires = float(int(min(now + SECONDS, self._end_of_lineage(found[0], now))))
        principal = acting_for(found[0], expires)
        token = self._signer.sign(f"{RUN}{run}", principal.scopes, expires)
        return ActingToken(token, expires, principal)

    async def revoke(self, family_id: str, reason: str) -> TokenFamily:
        """End a family and all that its tokens made, with everything that goes on for them.

        Raises:
            ToolError: ``not_found`` when there is none.
        """
        await self._families.catch_up()
        return await self._families.end(family_id, reason)

    async def families(self) -> list[TokenFamily]:
        """Return all families, the newest first."""
        await self._families.catch_up()
        return self._families.all()

    def retry_after(self, address: str) -> float:
        """Return for how many seconds an address has guessed enough refresh tokens."""
        return self._throttle.wait(address)

    def _prepare(self) -> Signer:
        """Read key and id, made at the first start."""
        state = self._ground.state
        key = private_file.read_or_create(
            state / "token-key", lambda: secrets.token_bytes(KEY_BYTES)
        )
        server = private_file.read_or_create(
            state / "server-id", lambda: secrets.token_hex(16).encode()
        )
        if len(key) != KEY_BYTES:
            raise ToolError(
                "unavailable", "The key of tokens is damaged.", f"Remove {state / 'token-key'}."
            )
        return Signer(server.decode().strip(), key, self._clock)

    async def _load_library(self) -> None:
        """Import what signs and checks, in a thread, when the first token is met: 2 MiB."""
        if "jwt" not in sys.modules:
            await self._ground.threads.run(import_module, "jwt")

    async def _checked(self, shown: str, key: str, now: float) -> Principal:
        if len(shown) > LIMIT:
            raise TokenRefused("malformed")
        if shown.startswith(REFRESH):
            raise TokenRefused("a refresh token is not for calls", self._families.of_refresh(key))
        if shown.startswith(STATIC):
            family = self._families.live(self._families.of_secret(key), now, "not one of ours")
            return family.principal(family.expires)
        if self._signer is None:
            raise TokenRefused("tokens are not ready")
        claims = self._signer.read(shown)
        if claims.family.startswith(RUN):
            return await self._acting(claims, now)
        return self._families.live(claims.family, now).principal(claims.expires)

    async def _acting(self, claims: Claims, now: float) -> Principal:
        found = await owner_of(self._ground.storage, claims.family.removeprefix(RUN), self.home)
        if found is None:
            raise TokenRefused("of a run that is not known")
        self._end_of_lineage(found[0], now)
        return acting_for(found[0], claims.expires)

    def _end_of_lineage(self, owner: Principal, now: float) -> float:
        """Return when the first token ends of those by which somebody was let in.

        Raises:
            TokenRefused: When one, or their maker's, is not good any more.
        """
        tokens = (each.token for each in owner.lineage() if each.token)
        return min((self._families.live(each, now).expires for each in tokens), default=math.inf)

    async def _not_exchanged(self, exchange: Exchange, address: str) -> TokenRefused:
        """End the family of a token that was shown twice: one of the two is a thief."""
        if exchange.outcome == "unknown":
            return TokenRefused("not one of ours")
        self._signals.note("token_reused", token=exchange.family, remote=address)
        if exchange.family in self._families:
            await self._families.end(exchange.family, "a refresh token was used twice")
        return TokenRefused("reused", exchange.family)

    async def _static(self, family: TokenFamily) -> Issued:
        token = STATIC + secrets.token_urlsafe(32)
        family = replace(family, secret_hash=sha256(token))
        await self._families.add(family)
        return Issued(family, token, family.created, family.expires)

    async def _refreshing(self, family: TokenFamily) -> Issued:
        await self._load_library()
        token = REFRESH + secrets.token_urlsafe(32)
        await self._families.add(family, sha256(token))
        return self._issued(family, family.created, token)

    def _issued(self, family: TokenFamily, now: float, refresh_token: str) -> Issued:
        if self._signer is None:
            raise ToolError("unavailable", "Tokens are not ready.", "Start the server again.")
        expires = min(now + self._ground.settings.access_token_seconds, family.expires)
        signed = self._signer.sign(family.id, family.scopes, expires)
        return Issued(family, signed, now, float(int(expires)), refresh_token)

    def _remember(self, key: str, principal: Principal) -> None:
        while len(self._memo) >= MEMO_LIMIT:
            self._memo.popitem(last=False)
        self._memo[key] = principal
