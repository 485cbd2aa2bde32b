"""Where an engine is looked for, as Docker's own command does."""

from __future__ import annotations

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backends.docker_address import Address

TLS = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}


@pytest.mark.parametrize(
    ("url", "environment", "found"),
    [
        ("unix:///a.sock", {"DOCKER_HOST": "unix:///b.sock"}, Address("unix:///a.sock")),
        ("", {"DOCKER_HOST": "unix:///b.sock", **TLS}, Address("unix:///b.sock")),
        ("tcp://h:2375", {}, Address("tcp://h:2375", "", is_verified=False)),
        ("tcp://h:2376", TLS, Address("tcp://h:2376", "/certs", is_verified=True)),
    ],
)
def test_what_is_set_counts_before_dockers_variables(
    url: str, environment: dict[str, str], found: Address
) -> None:
    assert Address.find(url, environment) == found


async def test_an_address_without_a_stream_is_told() -> None:
    with pytest.raises(ToolError, match="ssh://") as told:
        await Address("ssh://me@host").connect()
    assert told.value.code == "unsupported"
