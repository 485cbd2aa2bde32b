"""The HTTP API, as a script uses it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.clients_of_ours import client_of
from support.plugins import plugin_environment
from support.server import JupyterServer, wait_until

API = "jupyter_mcp/api"


def test_lists_tools(probed: JupyterServer) -> None:
    core = probed.request("GET", f"{API}/tools").json()["tools"]
    every = probed.request("GET", f"{API}/tools?toolsets=all").json()["tools"]
    assert {tool["toolset"] for tool in core} <= {"notebooks", "jobs"}
    probe = {tool["name"]: tool for tool in every if tool["toolset"] == "probe"}
    assert probe["probe_edit"]["scope"] == "edit"
    assert probe["probe_add"]["inputSchema"]["required"] == ["a", "b"]


def test_calls_a_tool(probed: JupyterServer) -> None:
    answer = probed.request("POST", f"{API}/tools/probe_add?toolsets=all", {"a": 2, "b": 3})
    assert answer.status == 200
    result = answer.json()
    assert (result["structured"], result["is_error"]) == ({"result": 5}, False)
    told = probed.request("GET", f"{API}/calls/{result['id']}").json()
    assert (told["name"], told["status"], told["door"]) == ("probe_add", "succeeded", "http")
    assert told["result"]["structured"] == {"result": 5}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("tools/nothing", {}, 404, "not_found"),
        ("tools/probe_add?toolsets=all", {"a": "x", "b": 1}, 400, "invalid_arguments"),
        ("tools/probe_add?toolsets=all", b"{", 400, "invalid_arguments"),
        ("tools/probe_add?toolsets=all", b"[1]", 400, "invalid_arguments"),
        ("tools/probe_echo?toolsets=all", {"text": "\ud83d"}, 400, "invalid_arguments"),
        ("tools/probe_fail?toolsets=all", {"kind": "told"}, 409, "conflict"),
        ("tools/probe_fail?toolsets=all", {"kind": "else"}, 500, "internal"),
        ("tools/probe_add?toolsets=none", {"a": 1, "b": 1}, 404, "not_found"),
        ("calls/0/cancel", {}, 404, "not_found"),
        ("tools/probe_echo?toolsets=all", {"text": "x" * 200_000}, 413, "too_large"),
        ("tools/probe_ask?toolsets=all", {"mark": "http"}, 409, "unsupported"),
    ],
)
def test_errors(probed: JupyterServer, path: str, body: object, status: int, code: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = probed.request("POST", f"{API}/{path}", body, headers)
    assert answer.status == status
    found = answer.json()
    error = found.get("error") or found["structured"]["error"]
    assert error["code"] == code
    assert "\n" not in error["message"]
    assert "secret" not in answer.body.decode()


def test_other_media_types_are_refused(probed: JupyterServer) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    path = f"{API}/tools/probe_echo?toolsets=all"
    assert probed.request("POST", path, b"text=x", headers).status == 415


def test_running_call_is_shown_and_cancelled(probed: JupyterServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        path = f"{API}/tools/probe_wait?toolsets=all"
        waiting = pool.submit(probed.request, "POST", path, {"mark": "shown"})

        def running() -> list[dict[str, object]]:
            calls = probed.request("GET", f"{API}/status").json()["calls"]["running"]
            return [call for call in calls if call["name"] == "probe_wait"]

        found = wait_until(running, seconds=30, what="the call is shown")[0]
        cancelled = probed.request("POST", f"{API}/calls/{found['id']}/cancel", {})
        assert cancelled.status == 200
        answer = waiting.result(10)
    assert (answer.status, answer.json()["structured"]["error"]["code"]) == (409, "cancelled")
    assert probed.request("GET", f"{API}/calls/{found['id']}").json()["status"] == "cancelled"


def test_status_starts_nothing(tmp_path: Path) -> None:
    environment = plugin_environment(tmp_path, broken="support.nowhere:Broken")
    with JupyterServer(tmp_path, collaboration=False, env=environment) as server:
        idle = server.request("GET", f"{API}/status").json()
        assert server.request("GET", f"{API}/calls/1").status == 404
        again = server.request("GET", f"{API}/status").json()
        server.request("GET", f"{API}/tools")
        ready = server.request("GET", f"{API}/status").json()
    assert (idle["state"], again["state"], ready["state"]) == ("idle", "idle", "ready")
    assert idle["endpoint"] == server.mcp_url
    assert ready["tools"] > 0
    assert {toolset["name"] for toolset in ready["toolsets"]} >= {"jobs"}
    (problem,) = (found for found in ready["problems"] if found["plugin"] == "broken")
    assert "support.nowhere" in problem["reason"]


def test_document_describes_what_is_there(probed: JupyterServer) -> None:
    document = probed.request("GET", f"{API}/openapi.json?toolsets=all").json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": f"{probed.base_url}{API}"}]
    operation = document["paths"]["/tools/probe_add"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["a", "b"]
    assert "$defs" not in str(document)


def test_a_narrower_token_of_the_same_person_sees_no_result_of_a_wider_one(
    crowded: JupyterServer,
) -> None:
    made = crowded.request("POST", f"{API}/tools/notebook_create", {"path": "wide.ipynb"}).json()
    narrow = {"Authorization": "Bearer ann-token-read"}
    told = crowded.request("GET", f"{API}/calls/{made['id']}", headers=narrow, token=False)
    assert (told.status, told.json()["status"]) == (200, "succeeded")
    assert "result" not in told.json()
    assert crowded.request("GET", f"{API}/calls/{made['id']}").json()["result"]


def test_many_arguments_hold_nobody_up(plain_server: JupyterServer) -> None:
    """A million cells are compared with the schema in seconds, and not on the event loop."""
    body = {"path": "none.ipynb", "cell_ids": ["a"] * 500_000}
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        long = pool.submit(plain_server.request, "POST", f"{API}/tools/cell_run", body)
        waited = 0.0
        while not long.done():
            began = time.monotonic()
            plain_server.request("GET", "mcp/none.svg")
            waited = max(waited, time.monotonic() - began)
        assert long.result().status == 404
    assert waited < max(0.8, (time.monotonic() - start) / 3)


def test_who_may_not_call_at_all_is_refused_whatever_they_say(plain_server: JupyterServer) -> None:
    viewer = client_of(plain_server, "read")
    answer = viewer.request("POST", f"{API}/tools/cell_run", {"nonsense": 1})
    assert (answer.status, answer.json()["structured"]["error"]["code"]) == (403, "forbidden")
