from __future__ import annotations

import pytest

from jupyter_mcp.security.secret_arguments import sounds_secret


@pytest.mark.parametrize("name", ["path", "tokens", "max_tokens", "keyboard", "key", "passage"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not sounds_secret(name)
