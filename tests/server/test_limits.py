"""What a client sees of a limit, through every door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from support.clients import MODERN, connected
from support.plugins import plugin_environment
from support.server import JupyterServer

API = "jupyter_mcp/api"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    home = tmp_path_factory.mktemp("limited")
    options = {"owner_rate_limits": {"probe_echo": "0/minute", "note": "0/minute"}}
    with JupyterServer(
        home,
        collaboration=False,
        env=plugin_environment(home, probe="support.probe:Probe"),
        config={"JupyterMCP": options},
    ) as running:
        yield running


@pytest.mark.parametrize("era", [MODERN, "legacy"])
async def test_a_client_sees_when_to_try_again(limited: JupyterServer, era: str) -> None:
    async with connected(limited, era) as client:
        result = await client.call_tool("probe_echo", {"text": "x"})
        with pytest.raises(MCPError) as caught:
            await client.read_resource("probe://note/a")
    assert result.is_error
    assert result.structured_content is not None
    assert result.structured_content["error"]["code"] == "rate_limited"
    assert result.structured_content["error"]["data"] == {"retry_after": 60}
    assert caught.value.error.data["data"] == {"retry_after": 60}


@pytest.mark.parametrize("era", [MODERN, "legacy"])
async def test_a_client_repeats_a_call_with_a_key(limited: JupyterServer, era: str) -> None:
    meta: Any = {"jupyter-mcp/idempotency-key": f"key-{era}"}
    async with connected(limited, era) as client:
        asked = [await client.call_tool("probe_who", {}, meta=meta) for _ in range(2)]
    assert asked[1].meta is not None
    assert asked[1].meta["jupyter-mcp/replayed"] is True
    assert asked[0].structured_content == asked[1].structured_content


def test_http_says_it_with_its_own_words(limited: JupyterServer) -> None:
    answer = limited.request("POST", f"{API}/tools/probe_echo?toolsets=all", {"text": "x"})
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "60"
    assert answer.json()["structured"]["error"]["code"] == "rate_limited"


def test_http_takes_a_key(limited: JupyterServer) -> None:
    path, headers = f"{API}/tools/probe_add?toolsets=all", {"Idempotency-Key": "over-http"}
    answers = [limited.request("POST", path, {"a": 1, "b": 2}, headers) for _ in range(2)]
    assert [answer.json()["structured"] for answer in answers] == [{"result": 3}] * 2
    other = limited.request("POST", path, {"a": 2, "b": 2}, headers)
    assert (other.status, other.json()["structured"]["error"]["code"]) == (409, "conflict")
    bad = limited.request("POST", path, {"a": 1, "b": 2}, {"Idempotency-Key": "x" * 201})
    assert bad.status == 400
