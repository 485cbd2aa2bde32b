"""Access tokens of ours: short-lived JWTs (RFC 9068) that this server signs for itself.

Issuer and audience are both this server's own random id, so a token of another server is good for
nothing here. The key never leaves the state folder and the algorithm is fixed: what a token's
header says of either is not believed. What a token may do is not in it but in the record of its
family, so that it can be taken back.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

STATIC = "jmcp-token-"
"""Begins tokens that clients with fixed headers show until they expire."""

REFRESH = "jmcp-refresh-"
"""Begins tokens that are good for one new access token, and for nothing else."""

SUBJECT = "token:"
"""Begins the subject of a token, and the identifier of its principal; the family follows."""

RENEW = "jupyter-mcp/renew"
"""The notification by which our own bridge shows a newer token on its open WebSocket."""

TYPE = "at+jwt"
ALGORITHM = "HS256"
KEY_BYTES = 32
LIMIT = 4096
"""The longest token in characters that is looked at."""

_KEY_ID = "jupyter-mcp:"
_CLAIMS = ("iss", "aud", "sub", "jti", "iat", "exp")


class TokenRefused(Exception):  # noqa: N818 - it names what happened
    """A token that is not good.

    Args:
        reason: Why, for whoever looks after the server; a caller is never told.
        family: The family that it belongs to, where that is known.
    """

    def __init__(self, reason: str, family: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.family = family


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says.

    Args:
        family: The family that it belongs to.
        expires: Unix time at which it ends.
    """

    family: str
    expires: float


class Signer:
    """Makes and checks the access tokens of one server.

    Args:
        server: The server's own id.
        key: The secret key.
        clock: Tells the Unix time.
    """

    def __init__(self, server: str, key: bytes, clock: Callable[[], float]) -> None:
        self._server = server
        self._key = key
        self._clock = clock

    def sign(self, family: str, scopes: frozenset[str], expires: float) -> str:
        """Return a new token of `family`."""
        import jwt

        claims = {
            "iss": self._server,
            "aud": self._server,
            "sub": f"{SUBJECT}{family}",
            "jti": secrets.token_urlsafe(12),
            "iat": int(self._clock()),
            "exp": int(expires),
            "scope": " ".join(sorted(scopes)),
        }
        headers = {"typ": TYPE, "kid": f"{_KEY_ID}{self._server[:8]}"}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers)

    def read(self, token: str) -> Claims:
        """Return what a token says once everything about it is right.

        Raises:
            TokenRefused: When anything is wrong.
        """
        claims = self._decoded(token)
        family = str(claims["sub"]).removeprefix(SUBJECT)
        expires = claims["exp"]
        if not isinstance(expires, int | float) or expires <= self._clock():
            raise TokenRefused("expired", family)
        return Claims(family, float(expires))

    def _decoded(self, token: str) -> dict[str, Any]:
        import jwt

        try:
            decoded = jwt.decode_complete(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=self._server,
                issuer=self._server,
                options={
                    "require": list(_CLAIMS),
                    "strict_aud": True,
                    "verify_exp": False,  # by our own clock
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            raise TokenRefused("made for another server") from None
        except jwt.InvalidIssuerError:
            raise TokenRefused("made by another server") from None
        except jwt.InvalidAlgorithmError:
            raise TokenRefused("signed by an algorithm that is not ours") from None
        except jwt.InvalidSignatureError:
            raise TokenRefused(self._whose(token)) from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenRefused("malformed") from None
        if decoded["header"].get("typ") != TYPE:
            raise TokenRefused("not an access token")
        claims: dict[str, Any] = decoded["payload"]
        return claims

    def _whose(self, token: str) -> str:
        """Tell a token of another server from one that was changed on its way."""
        claims = _part(token, 1)
        foreign = claims is not None and claims.get("aud") != self._server
        return "made for another server" if foreign else "tampered"


def is_ours(shown: str) -> bool:
    """Return whether a credential claims to be one of ours; it still has to be checked."""
    if shown.startswith((STATIC, REFRESH)):
        return True
    if not shown.startswith("eyJ") or len(shown) > LIMIT or shown.count(".") != 2:  # noqa: PLR2004 - RFC 7515
        return False
    return _is_our_header(shown.partition(".")[0])


@lru_cache(maxsize=64)
def _is_our_header(segment: str) -> bool:
    """Return whether the header of a JWT names a key of ours: all tokens of a server share it."""
    header = _part(f"{segment}..", 0)
    return header is not None and str(header.get("kid", "")).startswith(_KEY_ID)


def _part(token: str, number: int) -> dict[str, Any] | None:
    """Return a part of a JWT as it is, unverified; None where it is no JSON object."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature (RFC 7515)
        return None
    try:
        text = base64.urlsafe_b64decode(parts[number] + "=" * (-len(parts[number]) % 4))
        found = json.loads(text)
    except (ValueError, binascii.Error, RecursionError):
        return None
    return found if isinstance(found, dict) else None
