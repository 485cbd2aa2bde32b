"""What a JWT has to be to get in, and that nothing else does."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.security.tokens.access_token import Signer, TokenRefused, is_ours
from support.clock import Clock

KEY = b"k" * 32
CLOCK = Clock()
SIGNER = Signer("server-one", KEY, CLOCK)
GOOD = SIGNER.sign("f1", frozenset({"read"}), CLOCK.now + 60)


def part(content: Any) -> str:
    text = json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def changed(key: bytes = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a token like a good one but for some claims; None takes one away."""
    told = jwt.decode(GOOD, options={"verify_signature": False}) | claims
    kept = {name: value for name, value in told.items() if value is not None}
    own = {"typ": "at+jwt", "kid": jwt.get_unverified_header(GOOD)["kid"], **(header or {})}
    return jwt.encode(kept, key, algorithm="HS256", headers=own)


def why(token: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        SIGNER.read(token)
    return caught.value.reason


def test_a_good_token_says_whose_it_is() -> None:
    claims = SIGNER.read(GOOD)
    assert (claims.family, claims.expires) == ("f1", CLOCK.now + 60)
    assert jwt.get_unverified_header(GOOD)["typ"] == "at+jwt"
    told = jwt.decode(GOOD, options={"verify_signature": False})
    assert told["iss"] == told["aud"] == "server-one"
    assert (told["sub"], told["scope"]) == ("token:f1", "read")


def test_every_token_is_another() -> None:
    assert SIGNER.sign("f1", frozenset(), CLOCK.now + 60) != GOOD


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (changed(exp=int(CLOCK.now)), "expired"),
        (changed(exp="soon"), "expired"),
        (changed(aud="server-two"), "made for another server"),
        (changed(aud=["server-one", "server-two"]), "made for another server"),
        (changed(iss="server-two"), "made by another server"),
        (changed(b"x" * 32), "tampered"),
        (changed(b"x" * 32, aud="server-two"), "made for another server"),
        (changed(header={"typ": "JWT"}), "not an access token"),
        (changed(exp=None), "malformed"),
        (changed(jti=None), "malformed"),
        (changed(sub=None), "malformed"),
        (changed(header={"crit": ["exp"]}), "malformed"),
    ],
)
def test_what_is_wrong_is_known_to_the_owner(token: str, reason: str) -> None:
    assert is_ours(token)
    assert why(token) == reason


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", ""])
def test_the_algorithm_is_never_the_tokens_choice(algorithm: str) -> None:
    header = {"alg": algorithm, "typ": "at+jwt", "kid": "jupyter-mcp:x"}
    _, claims, signature = GOOD.split(".")
    for end in ("", signature):
        token = f"{part(header)}.{claims}.{end}"
        assert is_ours(token)
        assert why(token) == "signed by an algorithm that is not ours"


def test_a_changed_claim_is_found() -> None:
    header, _, signature = GOOD.split(".")
    claims = jwt.decode(GOOD, options={"verify_signature": False})
    assert why(f"{header}.{part(claims | {'sub': 'token:f2'})}.{signature}") == "tampered"


@pytest.mark.parametrize(
    ("shown", "ours"),
    [
        ("", False),
        ("wrong", False),
        ("jmcp-person-x", False),
        ("jmcp-token-x", True),
        ("jmcp-refresh-x", True),
        ("eyJ", False),
        ("eyJ.eyJ.eyJ", False),
        (jwt.encode({"sub": "x"}, KEY, headers={"kid": "somebody's"}), False),
        (jwt.encode({"sub": "x"}, KEY), False),
        (GOOD, True),
    ],
)
def test_tokens_of_others_are_left_to_the_provider(shown: str, ours: bool) -> None:
    assert is_ours(shown) is ours


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries(
    {"kid": st.just("jupyter-mcp:x")},
    optional={"alg": JSON, "typ": JSON, "crit": JSON, "b64": JSON, "zip": JSON},
)
CLAIMS = JSON | st.dictionaries(
    st.sampled_from(["iss", "aud", "sub", "jti", "iat", "exp", "nbf", "scope"]), JSON
)


@given(HEADERS, CLAIMS, st.binary(max_size=40))
def test_made_up_tokens_are_refused_and_nothing_else(
    header: dict[str, Any], claims: Any, signature: bytes
) -> None:
    end = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    token = f"{part(header)}.{part(claims)}.{end}"
    is_ours(token)
    assert why(token)


@given(CLAIMS)
def test_signed_nonsense_is_refused_or_read(claims: Any) -> None:
    signed = jwt.PyJWS().encode(
        json.dumps(claims).encode(), KEY, "HS256", {"typ": "at+jwt", "kid": "jupyter-mcp:x"}
    )
    assert why(signed)


@given(st.text(max_size=200) | st.from_regex(r"eyJ[\w.\-]{0,80}", fullmatch=True))
def test_any_text_is_refused(text: str) -> None:
    is_ours(text)
    assert why(text)
