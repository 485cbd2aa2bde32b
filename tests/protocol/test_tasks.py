"""MCP's tasks (SEP-2663), asked of a real server in raw JSON."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp_types import jsonrpc
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from support.clients import META
from support.clients_of_ours import ask, client_of, person
from support.handshakes import open_session, post
from support.plugins import plugin_environment
from support.server import JupyterServer, wait_until
from support.tasks import EXTENSION, KNOWS_TASKS, TaskClient

MISSING = jsonrpc.MISSING_REQUIRED_CLIENT_CAPABILITY


def errand_server(home: Path) -> JupyterServer:
    """Return a server with tools that take long."""
    points = {"errands": "support.errands:Errands", "ledger": "support.errands:Ledger"}
    fixed = {"IdentityProvider": {"token": "the-same-after-a-restart"}}
    server = JupyterServer(
        home, collaboration=False, env=plugin_environment(home, **points), config=fixed
    )
    server.token = "the-same-after-a-restart"
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with errand_server(tmp_path_factory.mktemp("errands")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> TaskClient:
    return TaskClient(server)


def test_the_extension_is_advertised_to_modern_clients_only(client: TaskClient) -> None:
    told = client.send("server/discover")["result"]["capabilities"]
    assert told["extensions"] == {EXTENSION: {}}
    assert "tasks" not in told
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}}
    hello["clientInfo"] = {"name": "raw", "version": "1"}  # type: ignore[assignment]
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = client.server.request("POST", "mcp", body, headers)
    assert answer.status == 200
    assert EXTENSION.encode() not in answer.body


def test_what_is_quick_comes_at_once(client: TaskClient) -> None:
    def at_once() -> dict[str, Any] | None:
        result = client.call("errand_quick")
        return result if result["resultType"] == "complete" else None

    # Half a second is waited for it, which a machine that is busy now and then exceeds.
    result = wait_until(at_once, seconds=30, what="an answer that is no task")
    assert result["structuredContent"] == {"result": "quick"}


def test_what_takes_long_is_a_task_and_its_result_is_there_when_it_ends(client: TaskClient) -> None:
    begun = client.call("errand_wait", mark="a", path="deep/note.ipynb")
    assert begun["resultType"] == "task"
    assert begun["status"] == "working"
    assert begun["ttlMs"] is None
    assert not {"result", "error", "inputRequests", "requestState", "content"} & begun.keys()
    told = lambda: (task := client.get(begun["taskId"])).get("statusMessage") and task  # noqa: E731
    task = wait_until(told, seconds=30, what="its progress")
    assert task["statusMessage"] == "1/2 waiting for a"
    assert task["createdAt"] == begun["createdAt"] <= task["lastUpdatedAt"]
    client.call("errand_release", mark="a")
    done = client.until(begun["taskId"])
    assert done["resultType"] == "complete"
    assert done["result"]["structuredContent"] == {"result": "a was released"}
    assert done["ttlMs"] > 6 * 86_400_000
    job = client.call("job_get", job_id=begun["taskId"])["structuredContent"]
    assert job["status"] == "succeeded"
    assert job["title"] == "Errand: deep/note.ipynb"
    assert job["log"] == "waits for a\n"


def test_a_client_that_knows_no_tasks_waits(server: JupyterServer) -> None:
    plain = TaskClient(server, {})
    assert plain.call("errand_secret")["resultType"] == "complete"
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        error = plain.send(method, taskId="x")["error"]
        assert error["code"] == MISSING
        assert error["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    error = plain.send("tools/call", name="errand_only", arguments={"mark": "z"})["error"]
    assert error["code"] == MISSING


def test_secret_results_are_kept_nowhere(client: TaskClient) -> None:
    assert client.call("errand_secret")["resultType"] == "complete"


def test_cancel_acts_and_says_nothing(client: TaskClient) -> None:
    task_id = client.call("errand_wait", mark="never")["taskId"]
    for _ in range(2):
        answer = client.send("tasks/cancel", taskId=task_id)["result"]
        assert answer.keys() == {"resultType", "_meta"}
    assert client.get(task_id)["status"] == "cancelled"
    assert client.call("errand_was_cancelled", mark="never")["structuredContent"]["result"]


def test_a_task_asks_and_each_question_has_a_key_of_its_own(client: TaskClient) -> None:
    task_id = client.call("errand_ask")["taskId"]
    keys = []
    for name in ("Ada", "Grace"):
        asked = client.until(task_id, "input_required")["inputRequests"]
        ((key, question),) = asked.items()
        assert question["method"] == "elicitation/create"
        wrong = {key: {"action": "accept", "content": {"name": 5}}}
        refused = client.send("tasks/update", taskId=task_id, inputResponses=wrong)
        assert refused["error"]["code"] == jsonrpc.INVALID_PARAMS
        other = client.send("tasks/update", taskId=task_id, inputResponses={"other": {}})
        assert "result" in other
        assert client.get(task_id)["inputRequests"].keys() == {key}
        right = {key: {"action": "accept", "content": {"name": name}}}
        client.send("tasks/update", taskId=task_id, inputResponses=right)
        keys.append(key)
    assert len(set(keys)) == 2
    assert client.until(task_id)["result"]["structuredContent"] == {"result": "Ada and Grace"}


def test_a_tool_error_completes_and_a_request_error_fails(client: TaskClient) -> None:
    told = client.call("errand_fail")["taskId"], client.call("errand_lacks")["taskId"]
    completed, failed = (client.until(task_id) for task_id in told)
    assert completed["status"] == "completed"
    assert completed["result"]["isError"] is True
    assert completed["result"]["structuredContent"]["error"]["code"] == "conflict"
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == MISSING
    assert "result" not in failed


def test_what_a_tool_goes_on_with_as_a_job_is_a_task(client: TaskClient) -> None:
    begun = client.call("errand_only", mark="only")
    assert (begun["resultType"], begun["status"]) == ("task", "working")
    client.call("errand_release", mark="only")
    done = client.until(begun["taskId"])
    assert done["result"]["structuredContent"] == {"result": "done in the background"}


def test_a_task_whose_work_goes_on_as_a_job_ends_with_it(client: TaskClient) -> None:
    task_id = client.call("errand_late", mark="late")["taskId"]
    listed = lambda: [  # noqa: E731
        job
        for job in client.call("job_list", status="active")["structuredContent"]["jobs"]
        if job["title"] == "A late errand"
    ]
    wait_until(listed, seconds=30, what="the job behind the task")
    assert client.get(task_id)["status"] == "working"
    client.call("errand_release", mark="late")
    done = client.until(task_id)
    assert done["result"]["structuredContent"] == {"result": "late in the background"}


def test_jobs_of_another_toolset_are_tasks_too(client: TaskClient) -> None:
    begun = client.call("ledger_begin")
    assert begun["resultType"] == "task"
    client.call("ledger_end", job_id=begun["taskId"])
    assert client.get(begun["taskId"])["result"]["content"][0]["text"] == "entered"
    asking = client.call("ledger_begin", asks=True)["taskId"]
    answer = {"sure": {"action": "accept", "content": {}}}
    client.send("tasks/update", taskId=asking, inputResponses=answer)
    assert client.get(asking)["result"]["content"][0]["text"] == "accept"
    dropped = client.call("ledger_begin")["taskId"]
    client.send("tasks/cancel", taskId=dropped)
    assert client.get(dropped)["status"] == "cancelled"
    listed = client.call("job_list", kind="entry", limit=2)["structuredContent"]
    assert [job["job_id"] for job in listed["jobs"]] == [dropped, asking]
    rest = client.call("job_list", kind="entry", cursor=listed["cursor"])["structuredContent"]
    assert [job["job_id"] for job in rest["jobs"]] == [begun["taskId"]]


def test_code_in_a_kernel_is_a_task_that_asks_and_that_can_be_interrupted(
    client: TaskClient,
) -> None:
    kernel = client.call("kernel_start")["structuredContent"]["kernel_id"]
    code = "name = input('Who? ')\nprint('hello', name)"
    asking = client.call("kernel_execute", kernel_id=kernel, code=code)["taskId"]
    ((key, question),) = client.until(asking, "input_required", seconds=60)["inputRequests"].items()
    assert "Who?" in question["params"]["message"]
    (field,) = question["params"]["requestedSchema"]["properties"]
    answer = {key: {"action": "accept", "content": {field: "Ada"}}}
    client.send("tasks/update", taskId=asking, inputResponses=answer)
    assert "hello Ada" in client.until(asking)["result"]["content"][0]["text"]
    behind = client.call("kernel_execute", kernel_id=kernel, code=code, background=True)["taskId"]
    (key,) = client.until(behind, "input_required", seconds=60)["inputRequests"]
    answer = {key: {"action": "accept", "content": {field: "Grace"}}}
    client.send("tasks/update", taskId=behind, inputResponses=answer)
    assert "hello Grace" in client.until(behind)["result"]["content"][0]["text"]
    begun = client.call("kernel_execute", kernel_id=kernel, code="2 * 21", background=True)
    assert begun["resultType"] == "task"
    assert "42" in client.until(begun["taskId"])["result"]["content"][0]["text"]
    endless = "import time\nwhile True: time.sleep(1)"
    running = client.call("kernel_execute", kernel_id=kernel, code=endless)["taskId"]
    client.send("tasks/cancel", taskId=running)
    assert client.get(running)["status"] == "cancelled"
    free = client.call("kernel_execute", kernel_id=kernel, code="print('free')", background=True)
    assert "free" in client.until(free["taskId"])["result"]["content"][0]["text"]


def test_what_nobody_could_answer_is_not_asked_in_the_background(client: TaskClient) -> None:
    kernel = client.call("kernel_start")["structuredContent"]["kernel_id"]
    knows_none = TaskClient(client.server, {})
    code = "input('Who? ')"
    begun = knows_none.call("kernel_execute", kernel_id=kernel, code=code, background=True)
    job_id = begun["structuredContent"]["job_id"]
    result = knows_none.call("job_result", job_id=job_id, wait=60)
    assert result["isError"]
    assert "this client cannot be asked" in result["structuredContent"]["error"]["evalue"]


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_unknown_tasks(client: TaskClient, method: str) -> None:
    assert client.send(method, taskId="job-none")["error"]["code"] == jsonrpc.INVALID_PARAMS
    refused = client.send_with({"Mcp-Name": "another"}, method, taskId="job-none")
    assert refused["error"]["code"] == jsonrpc.HEADER_MISMATCH
    refused = client.send_with({}, method, taskId="job-none")
    assert refused["error"]["code"] == jsonrpc.HEADER_MISMATCH


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
def test_methods_that_were_removed(client: TaskClient, method: str) -> None:
    assert client.send(method, taskId="x")["error"]["code"] == jsonrpc.METHOD_NOT_FOUND


def test_somebody_elses_task_is_not_there(client: TaskClient) -> None:
    other = TaskClient(client.server, token=client_of(client.server).token)
    task_id = client.call("errand_wait", mark="mine")["taskId"]
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert other.send(method, taskId=task_id)["error"]["code"] == jsonrpc.INVALID_PARAMS
    assert client.get(task_id)["status"] == "working"
    client.send("tasks/cancel", taskId=task_id)


def test_who_sees_everybodys_tasks_may_end_them_and_answers_none(client: TaskClient) -> None:
    overseer = TaskClient(client.server, token=person_key(client.server))
    agent = TaskClient(client.server, token=client_of(client.server).token)
    theirs = agent.call("errand_ask")["taskId"]
    assert overseer.until(theirs, "input_required")["inputRequests"].keys() == {"answer"}
    answer = {"answer": {"action": "accept", "content": {"name": "Eve"}}}
    refused = overseer.send("tasks/update", taskId=theirs, inputResponses=answer)
    assert refused["error"]["code"] == jsonrpc.INVALID_PARAMS
    assert agent.get(theirs)["status"] == "input_required"
    overseer.send("tasks/cancel", taskId=theirs)
    assert agent.get(theirs)["status"] == "cancelled"


def test_tasks_end_with_the_access_of_who_began_them(client: TaskClient) -> None:
    made = client_of(client.server)
    agent = TaskClient(client.server, token=made.token)
    overseer = TaskClient(client.server, token=person_key(client.server))
    revoked = [
        agent.call("errand_wait", mark="revoked")["taskId"],
        agent.call("errand_ask")["taskId"],
    ]
    ask(client.server, "token_revoke", token_id=made.id)
    assert [overseer.until(each)["status"] for each in revoked] == ["cancelled"] * 2
    assert client.call("errand_was_cancelled", mark="revoked")["structuredContent"]["result"]


def test_a_stop_ends_the_tasks_of_agents(client: TaskClient) -> None:
    kernel = client.call("kernel_start")["structuredContent"]["kernel_id"]
    agent = TaskClient(client.server, token=client_of(client.server).token)
    code = "input('Who? ')"
    asking = agent.call("kernel_execute", kernel_id=kernel, code=code)["taskId"]
    agent.until(asking, "input_required", seconds=60)
    ask(client.server, "agents_pause", mode="read_only")
    try:
        ended = agent.until(asking)
        assert ended["status"] == "completed"
        assert ended["result"]["isError"]
        assert "set to read-only" in ended["result"]["content"][0]["text"]
    finally:
        ask(client.server, "agents_resume")


def person_key(server: JupyterServer) -> str:
    """Return the key of the person at the machine."""
    return person(server)["Authorization"].removeprefix("Bearer ")


async def test_tasks_go_over_the_websocket_too(server: JupyterServer) -> None:
    url = f"{server.url}mcp/ws?toolsets=all".replace("http://", "ws://")
    connection = await websocket_connect(
        HTTPRequest(url, headers=server.headers), subprotocols=["mcp"]
    )
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": KNOWS_TASKS}

    async def ask(number: int, method: str, **params: Any) -> dict[str, Any]:
        message = {"jsonrpc": "2.0", "id": number, "method": method}
        message["params"] = {**params, "_meta": meta}
        await connection.write_message(json.dumps(message))
        return await heard(number)

    async def heard(number: int | None = None) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                frame = await connection.read_message()
                assert frame is not None
                found: dict[str, Any] = json.loads(frame)
                if found.get("id") == number:
                    return found

    begun = (await ask(1, "tools/call", name="errand_wait", arguments={"mark": "ws"}))["result"]
    assert begun["resultType"] == "task"
    told = {"jsonrpc": "2.0", "id": 2, "method": "subscriptions/listen"}
    wanted = {"notifications": {"taskIds": [begun["taskId"]]}, "_meta": meta}
    await connection.write_message(json.dumps({**told, "params": wanted}))
    assert (await heard())["params"]["notifications"]["taskIds"] == [begun["taskId"]]
    assert (await heard())["params"]["status"] == "working"
    assert (await ask(3, "tasks/cancel", taskId=begun["taskId"]))["result"]
    task = (await ask(4, "tasks/get", taskId=begun["taskId"]))["result"]
    assert task["status"] == "cancelled"
    connection.close()
    async with asyncio.timeout(30):  # else the loop ends before the socket does
        while await connection.read_message() is not None:
            continue


def test_older_revisions_have_no_tasks(server: JupyterServer) -> None:
    session, _ = open_session(server)
    answer = post(server, "tasks/get", {"taskId": "x"}, **{"Mcp-Session-Id": session})
    assert str(jsonrpc.METHOD_NOT_FOUND).encode() in answer.body


class Listening:
    """A stream of ``subscriptions/listen``."""

    def __init__(self, client: TaskClient, *task_ids: str) -> None:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": KNOWS_TASKS,
        }
        params = {"notifications": {"taskIds": list(task_ids)}, "_meta": meta}
        body = {"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": params}
        headers = {
            **client.server.headers,
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "subscriptions/listen",
        }
        self.connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=20)
        self.connection.request("POST", "/mcp?toolsets=all", json.dumps(body), headers)
        self.answer = self.connection.getresponse()

    def next(self) -> dict[str, Any]:
        """Return the next notification."""
        while True:
            line = self.answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data:"):
                found: dict[str, Any] = json.loads(line.removeprefix(b"data:"))
                return found


def test_a_listener_hears_of_its_tasks(client: TaskClient) -> None:
    heard_of = client.call("errand_wait", mark="heard")["taskId"]
    other = client.call("errand_wait", mark="unheard")["taskId"]
    stream = Listening(client, heard_of, "job-none")
    acknowledged = stream.next()
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"]["taskIds"] == [heard_of]
    first = stream.next()
    assert first["method"] == "notifications/tasks"
    assert first["params"]["status"] == "working"
    assert first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == 7
    client.send("tasks/cancel", taskId=other)
    client.call("errand_release", mark="heard")
    told = [stream.next()["params"]]
    while told[-1]["status"] == "working":
        told.append(stream.next()["params"])
    assert {each["taskId"] for each in told} == {heard_of}
    assert told[-1]["result"]["structuredContent"] == {"result": "heard was released"}
    stream.connection.close()


def test_a_listener_has_to_know_tasks(server: JupyterServer) -> None:
    plain = TaskClient(server, {})
    error = plain.send("subscriptions/listen", notifications={"taskIds": ["x"]})["error"]
    assert error["code"] == MISSING


def test_a_task_of_a_killed_server_is_lost_and_says_so(tmp_path: Path) -> None:
    server = errand_server(tmp_path)
    server.start()
    client = TaskClient(server)
    done = client.call("errand_wait", mark="done")["taskId"]
    client.call("errand_release", mark="done")
    client.until(done)
    running = client.call("errand_wait", mark="killed")["taskId"]
    server.kill()
    with server:
        kept, lost = client.get(done), client.get(running)
        assert kept["result"]["structuredContent"] == {"result": "done was released"}
        assert lost["status"] == "failed"
        assert "server stopped" in lost["error"]["message"]
        assert "start it again" in lost["statusMessage"]
        told = client.call("job_result", job_id=running)
        assert told["isError"]
        assert "lost" in told["content"][0]["text"]


def test_tasks_that_a_server_ends_when_it_stops_in_order_say_so(tmp_path: Path) -> None:
    server = errand_server(tmp_path)
    client = TaskClient(server)
    with server:
        plain = client.call("errand_wait", mark="stopped")["taskId"]
        asking = client.call("errand_ask")["taskId"]
        own = client.call("errand_only", mark="stopped")["taskId"]
    with server:
        for task_id in (plain, asking, own):
            task = client.get(task_id)
            assert task["status"] == "failed", "nobody has cancelled it"
            assert "server stopped" in task["error"]["message"]
