"""What there is, as each client reads it."""

from __future__ import annotations

from support.clients import modern_request
from support.server import JupyterServer

LIMIT = 16 * 1024
"""The bytes of the default view: a model reads all of it before its first call."""


def test_the_default_view_is_short(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/list")
    answer = probed.request("POST", "mcp", body, headers)
    names = {tool["name"] for tool in answer.json()["result"]["tools"]}
    assert {"cell_run", "job_list", "job_get", "job_result", "job_cancel"} <= names
    assert len(answer.body) <= LIMIT


def test_what_a_tool_needs_is_told_and_what_it_always_returns_is_not(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/list")
    tools = probed.request("POST", "mcp", body, headers).json()["result"]["tools"]
    (found,) = (tool for tool in tools if tool["name"] == "cell_run")
    assert found["inputSchema"]["required"] == ["path"]
    assert "required" not in str(found["outputSchema"])
    assert found["outputSchema"]["properties"]["cells"]["items"]["properties"]["cell_id"]
