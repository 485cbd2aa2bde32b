"""The short way of the modern era answers as the SDK's own dispatch does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.protocol import modern
from jupyter_mcp.protocol.endpoint import Endpoint
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.security.principal import Principal
from support.clients import modern_request
from support.exchanges import MemoryExchange
from support.probe import Probe
from support.runtimes import running

OWNER = Principal(id="user:owner", name="owner")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def answer(endpoint: Endpoint, method: str, params: dict[str, Any]) -> tuple[int, Any]:
    """Serve a request of 2026-07-28 in memory."""
    body, headers = modern_request(method, params)
    caller = Caller(principal=OWNER, selection=frozenset({"probe"}))
    sent = {name.lower().replace("-", "_"): value for name, value in headers.items()}
    exchange = MemoryExchange(caller, body, **sent)
    await endpoint.serve(exchange)
    return exchange.status, json.loads(exchange.text)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/list", {}),
        ("tools/list", {"cursor": "nonsense"}),
        ("tools/call", {"name": "probe_echo", "arguments": {"text": "grüße \ud83d\ude00"}}),
        ("tools/call", {"name": "probe_add", "arguments": {"a": 1, "b": 2}}),
        ("tools/call", {"name": "probe_who"}),
        ("tools/call", {"name": "probe_fail", "arguments": {"kind": "told"}}),
        ("tools/call", {"name": "probe_add", "arguments": {"a": None}}),
        ("tools/call", {"name": "nothing"}),
        ("tools/call", {"name": 7}),
        ("tools/call", {"name": "probe_ask", "arguments": {"mark": "x"}}),
    ],
)
async def test_same_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, params: dict[str, Any]
) -> None:
    async with running(tmp_path, Probe) as runtime:
        endpoint = Endpoint(runtime, "0", max_sessions=1, idle_seconds=60, max_body=10_000)
        await endpoint.start()
        short = await answer(endpoint, method, params)
        monkeypatch.setattr(modern, "_is_traced", lambda: True)
        monkeypatch.setattr(modern, "_is_plain_list", lambda params: not isinstance(params, dict))
        long = await answer(endpoint, method, params)
        await endpoint.stop()
    assert short == long


async def test_trace_context_travels_with_the_call(tmp_path: Path) -> None:
    async with running(tmp_path, Probe) as runtime:
        endpoint = Endpoint(runtime, "0", max_sessions=1, idle_seconds=60, max_body=10_000)
        params = {"name": "probe_who", "_meta": {"traceparent": TRACE}}
        await answer(endpoint, "tools/call", params)
        (entry,) = runtime.calls.recent.values()
        await endpoint.stop()
    assert entry.call.meta["traceparent"] == TRACE


async def test_list_changes_with_the_catalog(tmp_path: Path) -> None:
    async with running(tmp_path, Probe) as runtime:
        endpoint = Endpoint(runtime, "0", max_sessions=1, idle_seconds=60, max_body=10_000)
        before = (await answer(endpoint, "tools/list", {}))[1]["result"]["tools"]
        runtime.catalog.remove("probe")
        after = (await answer(endpoint, "tools/list", {}))[1]["result"]["tools"]
        await endpoint.stop()
    assert before
    assert after == []
