"""Elicitation in both eras: the tool runs once, and only its caller can answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import types

from support.clients import MODERN, connected, modern_request
from support.server import JupyterServer, wait_until

CAN_ASK = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
ANSWER = {"answer": {"action": "accept", "content": {"name": "Ada"}}}


def answering(action: str, **content: Any) -> Any:
    """Return a callback that answers every question alike."""

    async def answer(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        del context
        assert params.message == "What is your name?"
        return types.ElicitResult.model_validate({"action": action, "content": content or None})

    return answer


@pytest.mark.parametrize("era", [MODERN, "legacy"])
@pytest.mark.parametrize(
    ("action", "content", "text"),
    [("accept", {"name": "Ada"}, "accept Ada, run 1"), ("decline", {}, "decline -, run 1")],
)
async def test_tool_asks_and_runs_once(
    probed: JupyterServer, era: str, action: str, content: dict[str, str], text: str
) -> None:
    callback = answering(action, **content)
    async with connected(probed, era, elicitation_callback=callback) as client:
        result = await client.call_tool("probe_ask", {"mark": f"{era} {action}"})
    assert result.structured_content == {"result": text}


@pytest.mark.parametrize("era", [MODERN, "legacy"])
async def test_client_that_cannot_be_asked_is_told_so(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        if era == MODERN:
            with pytest.raises(Exception, match="elicitation") as caught:
                await client.call_tool("probe_ask", {"mark": "deaf"})
            assert caught.value.code == types.MISSING_REQUIRED_CLIENT_CAPABILITY  # type: ignore[attr-defined]
        else:
            result = await client.call_tool("probe_ask", {"mark": "deaf"})
            assert result.is_error


def ask(server: JupyterServer, mark: str, **more: Any) -> dict[str, Any]:
    """Send a raw call of the asking tool."""
    params = {"name": "probe_ask", "arguments": {"mark": mark}, "_meta": CAN_ASK, **more}
    body, headers = modern_request("tools/call", params)
    answer = server.request("POST", "mcp?toolsets=all", body, headers)
    found: dict[str, Any] = answer.json()
    return found


def test_state_is_bound_to_the_call(probed: JupyterServer) -> None:
    state = ask(probed, "bound")["result"]["requestState"]
    other = ask(probed, "other", requestState=state, inputResponses=ANSWER)
    assert other["error"]["code"] == types.INVALID_PARAMS
    forged = ask(probed, "bound", requestState=f"{state}x", inputResponses=ANSWER)
    assert forged["error"]["code"] == types.INVALID_PARAMS
    done = ask(probed, "bound", requestState=state, inputResponses=ANSWER)
    assert done["result"]["structuredContent"] == {"result": "accept Ada, run 1"}


def test_an_answer_counts_once(probed: JupyterServer) -> None:
    state = ask(probed, "once")["result"]["requestState"]
    first = ask(probed, "once", requestState=state, inputResponses=ANSWER)
    again = ask(probed, "once", requestState=state, inputResponses=ANSWER)
    assert first["result"]["resultType"] == "complete"
    assert "again without requestState" in again["error"]["message"]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"wrong": {"action": "accept", "content": {"name": "Ada"}}},
        {"answer": {"action": "accept", "content": {"name": 5}}},
        {"answer": {"action": "accept", "content": {}}},
    ],
)
def test_what_does_not_answer_is_asked_again(
    probed: JupyterServer, answers: dict[str, Any]
) -> None:
    mark = f"again {answers}"
    state = ask(probed, mark)["result"]["requestState"]
    second = ask(probed, mark, requestState=state, inputResponses=answers)["result"]
    assert second["resultType"] == "input_required"
    assert second["requestState"] != state
    done = ask(probed, mark, requestState=second["requestState"], inputResponses=ANSWER)
    assert done["result"]["structuredContent"] == {"result": "accept Ada, run 1"}


def test_malformed_answers_are_a_protocol_error(probed: JupyterServer) -> None:
    state = ask(probed, "malformed")["result"]["requestState"]
    refused = ask(probed, "malformed", requestState=state, inputResponses={"answer": 12})
    assert refused["error"]["code"] == types.INVALID_PARAMS


async def test_a_suspended_call_is_listed_and_can_be_cancelled(probed: JupyterServer) -> None:
    state = ask(probed, "cancelled")["result"]["requestState"]
    status = probed.request("GET", "jupyter_mcp/api/status").json()
    running = [call for call in status["calls"]["running"] if call["name"] == "probe_ask"]
    assert running
    for call in running:
        probed.request("POST", f"jupyter_mcp/api/calls/{call['id']}/cancel")

    def ended() -> bool:
        calls = probed.request("GET", "jupyter_mcp/api/status").json()["calls"]["running"]
        return not [call for call in calls if call["name"] == "probe_ask"]

    await asyncio.to_thread(wait_until, ended, seconds=30, what="the call has ended")
    late = ask(probed, "cancelled", requestState=state, inputResponses=ANSWER)
    assert late["result"]["isError"]
    assert "cancelled" in late["result"]["content"][0]["text"]
