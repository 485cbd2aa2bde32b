from __future__ import annotations

import pytest

from jupyter_mcp.security.principal import ALL_SCOPES, fingerprint, scopes_from_hub


@pytest.mark.parametrize(
    ("hub", "ours"),
    [
        (["access:servers!server=ann/"], ALL_SCOPES),
        (["access:servers", "custom:mcp:read"], {"read"}),
        (["custom:mcp:read!user=ann", "custom:mcp:edit!user=ann"], {"read", "edit"}),
        (["custom:mcp:fly"], set()),
        (["custom:other:read"], ALL_SCOPES),
    ],
)
def test_hub_scopes_narrow_what_a_token_may_do(hub: list[str], ours: set[str]) -> None:
    assert scopes_from_hub(hub) == ours


def test_a_fingerprint_is_stable_and_tells_tokens_apart() -> None:
    assert fingerprint("a") == fingerprint("a")
    assert fingerprint("a") != fingerprint("b")
    assert "secret" not in fingerprint("secret")
