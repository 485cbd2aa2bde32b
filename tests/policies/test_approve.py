"""Calls that wait for a person, on real servers, in both eras of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from mcp.client import Client

from jupyter_mcp.security.principal import Principal
from support.clients import MODERN, connected, modern_request
from support.commands import run
from support.people import Person
from support.plugins import plugin_environment
from support.probe import Probe
from support.runtimes import running
from support.server import JupyterServer

ERAS = [MODERN, "legacy"]
TOOL = "probe_edit"


@pytest.fixture
async def person(own_server: JupyterServer) -> AsyncIterator[Person]:
    """The person, who forgets afterwards what they allowed."""
    person = Person(own_server)
    yield person
    listed = await asyncio.to_thread(person.call, "approval_list")
    for grant in listed["structured"]["remembered"]:
        await asyncio.to_thread(person.call, "approval_forget", approval_id=grant["id"])


class Form:
    """Somebody at the client, who answers as told, or not before they are let."""

    def __init__(self, action: str, answer: str = "", *, waits: bool = False) -> None:
        self.asked: list[types.ElicitRequestParams] = []
        self.was_asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self._answer = {"action": action, "content": {"answer": answer} if answer else None}
        if not waits:
            self.may_answer.set()

    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        """Answer."""
        del context
        self.asked.append(params)
        self.was_asked.set()
        await self.may_answer.wait()
        return types.ElicitResult.model_validate(self._answer)


def text(result: types.CallToolResult) -> str:
    """Return what a result says."""
    return "\n".join(getattr(block, "text", "") for block in result.content)


@pytest.mark.parametrize("era", ERAS)
async def test_a_yes_in_the_clients_form_lets_the_call_go_on(
    own_server: JupyterServer, person: Person, era: str
) -> None:
    form = Form("accept", "once")
    async with connected(own_server, era, elicitation_callback=form) as client:
        result = await client.call_tool(TOOL, {})
        assert not result.is_error
        await client.call_tool(TOOL, {})
    assert len(form.asked) == 2
    assert TOOL in form.asked[0].message
    assert person.waiting() == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("action", "answer"), [("decline", ""), ("accept", "no")])
async def test_a_no_in_the_clients_form_denies(
    own_server: JupyterServer, era: str, action: str, answer: str
) -> None:
    async with connected(own_server, era, elicitation_callback=Form(action, answer)) as client:
        result = await client.call_tool(TOOL, {})
    assert result.is_error
    assert result.structured_content["error"]["code"] == "denied"
    assert "did not allow" in text(result)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("answer", ["once", "deny"])
async def test_the_panel_answers_while_the_form_is_open(
    own_server: JupyterServer, person: Person, era: str, answer: str
) -> None:
    form = Form("decline" if answer == "once" else "accept", "once", waits=True)
    async with connected(own_server, era, elicitation_callback=form) as client:
        call = asyncio.create_task(client.call_tool(TOOL, {}))
        question = await person.asked()
        assert question["tool"] == TOOL
        assert (await asyncio.to_thread(person.answer, question["id"], answer))["structured"]
        form.may_answer.set()
        result = await asyncio.wait_for(call, 30)
    assert result.is_error == (answer == "deny")


@pytest.mark.parametrize("era", ERAS)
async def test_a_form_that_is_dismissed_leaves_the_question_to_others(
    own_server: JupyterServer, person: Person, era: str
) -> None:
    async with connected(own_server, era, elicitation_callback=Form("cancel")) as client:
        call = asyncio.create_task(client.call_tool(TOOL, {}))
        question = await person.asked()
        await asyncio.to_thread(person.answer, question["id"], "once")
        assert not (await asyncio.wait_for(call, 30)).is_error


@pytest.mark.parametrize("era", ERAS)
async def test_the_command_line_approves_for_a_client_without_forms(
    own_server: JupyterServer, person: Person, era: str
) -> None:
    told: list[str] = []
    progress: list[float] = []

    async def tell(done: float, total: float | None, message: str | None) -> None:
        del total
        progress.append(done)
        told.append(message or "")

    async with connected(own_server, era) as client:
        call = asyncio.create_task(client.call_tool(TOOL, {}, progress_callback=tell))
        question = await person.asked()
        listed = await asyncio.to_thread(run, own_server, "approvals")
        assert question["id"] in listed.stdout
        assert TOOL in listed.stdout
        done = await asyncio.to_thread(run, own_server, "approve", question["id"])
        assert done.stdout == f"{TOOL} approved (once).\n", done.stderr
        assert not (await asyncio.wait_for(call, 30)).is_error
    assert told[0] == f"Waiting for approval: jupyter mcp approve {question['id']}"
    assert progress[0] < 0


async def test_the_command_line_denies(own_server: JupyterServer, person: Person) -> None:
    async with connected(own_server) as client:
        call = asyncio.create_task(client.call_tool(TOOL, {}))
        question = await person.asked()
        done = await asyncio.to_thread(run, own_server, "deny", question["id"], "--json")
        assert '"answer": "deny"' in done.stdout
        assert (await asyncio.wait_for(call, 30)).is_error
    late = await asyncio.to_thread(run, own_server, "approve", question["id"])
    assert late.returncode == 1
    assert "No call waits for approval" in late.stderr


@pytest.mark.parametrize("tool", ["approval_answer", "approval_list", "approval_forget"])
async def test_who_asks_cannot_answer_or_look(
    own_server: JupyterServer, person: Person, tool: str
) -> None:
    async with connected(own_server) as client:
        call = asyncio.create_task(client.call_tool(TOOL, {}))
        question = await person.asked()
        values = {
            "approval_answer": {"approval_id": question["id"], "answer": "once"},
            "approval_list": {},
            "approval_forget": {"approval_id": question["id"]},
        }
        path = f"jupyter_mcp/api/tools/{tool}"
        refused = await asyncio.to_thread(own_server.request, "POST", path, values[tool])
        assert refused.status == 403
        assert refused.json()["structured"]["error"]["code"] == "forbidden"
        status = own_server.request("GET", "jupyter_mcp/api/status").json()
        assert "approvals" not in status
        await asyncio.to_thread(person.answer, question["id"], "deny")
        await asyncio.wait_for(call, 30)


@pytest.mark.parametrize("era", ERAS)
async def test_cancelling_the_call_withdraws_the_question(
    own_server: JupyterServer, person: Person, era: str
) -> None:
    async with connected(own_server, era) as client:
        call = asyncio.create_task(client.call_tool(TOOL, {}))
        question = await person.asked()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await person.nothing_waits()
    late = await asyncio.to_thread(person.answer, question["id"], "once")
    assert late["structured"]["error"]["code"] == "not_found"


async def test_a_yes_cannot_be_sent_along_with_the_call(
    own_server: JupyterServer, person: Person
) -> None:
    can_ask = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    yes = {"action": "accept", "content": {"answer": "always"}}
    guesses = dict.fromkeys(("approve", "approval", "answer"), yes)
    params = {"name": TOOL, "arguments": {}, "_meta": can_ask, "inputResponses": guesses}
    body, headers = modern_request("tools/call", params)
    answer = await asyncio.to_thread(own_server.request, "POST", "mcp?toolsets=all", body, headers)
    assert answer.json()["result"]["resultType"] == "input_required"
    question = await person.asked()
    await asyncio.to_thread(person.answer, question["id"], "deny")
    state = {"requestState": answer.json()["result"]["requestState"], "inputResponses": {}}
    body, headers = modern_request("tools/call", {**params, **state})
    done = await asyncio.to_thread(own_server.request, "POST", "mcp?toolsets=all", body, headers)
    assert done.json()["result"]["structuredContent"]["error"]["code"] == "denied"


async def call_and_answer(client: Client, person: Person, answer: str) -> types.CallToolResult:
    """Call the tool, answer its question and return the result."""
    call = asyncio.create_task(client.call_tool(TOOL, {}))
    question = await person.asked()
    await asyncio.to_thread(person.answer, question["id"], answer)
    return await asyncio.wait_for(call, 30)


def info(name: str) -> Callable[[], dict[str, Any]]:
    """Return options of a client of that name."""
    return lambda: {"client_info": types.Implementation(name=name, version="1")}


@pytest.mark.parametrize(("answer", "others_pass"), [("session", False), ("always", True)])
async def test_a_yes_is_remembered_as_long_as_was_said(
    own_server: JupyterServer, person: Person, answer: str, *, others_pass: bool
) -> None:
    async with connected(own_server, **info("first")()) as client:
        await call_and_answer(client, person, answer)
        again = await asyncio.wait_for(client.call_tool(TOOL, {}), 30)
        assert not again.is_error
    async with connected(own_server, **info("second")()) as client:
        if others_pass:
            assert not (await asyncio.wait_for(client.call_tool(TOOL, {}), 30)).is_error
        else:
            assert (await call_and_answer(client, person, "deny")).is_error
    (grant,) = person.call("approval_list")["structured"]["remembered"]
    assert grant["length"] == answer
    forgotten = run(own_server, "approvals", "--forget", grant["id"])
    assert "will ask again" in forgotten.stdout, forgotten.stderr
    async with connected(own_server, **info("first")()) as client:
        assert (await call_and_answer(client, person, "deny")).is_error


class Guest:
    """The client of somebody who does not own the server; it would say yes to anything."""

    can_ask = True

    def __init__(self) -> None:
        self.told: list[str] = []
        self.was_told = asyncio.Event()

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Take note."""
        del done, total
        self.told.append(message)
        self.was_told.set()

    async def log(self, level: str, data: Any) -> None:
        """Ignore it."""

    async def ask(self, requests: Any) -> Any:
        """Say yes."""
        return {key: {"action": "accept", "content": {"answer": "always"}} for key in requests}


@pytest.mark.parametrize(
    "principal",
    [
        Principal("user:bob", "bob", kind="user", roles=("operator",)),
        Principal(
            "token:t",
            "bobs",
            kind="client",
            token="t",
            maker=Principal("user:bob", "bob", kind="user", roles=("operator",)),
        ),
    ],
)
async def test_who_does_not_own_the_server_cannot_say_yes_to_themselves(
    tmp_path: Path, principal: Principal
) -> None:
    person = Principal("person:local", "ann", credential="key", kind="person")
    guest = Guest()
    async with running(tmp_path, Probe) as runtime:
        everything = runtime.catalog.selection("all")
        call = asyncio.create_task(
            runtime.call_tool(TOOL, {}, principal, "mcp", selection=everything, channel=guest)
        )
        async with asyncio.timeout(30):
            await guest.was_told.wait()
            (question,) = runtime.trust.approvals.waiting()
            assert question.id in guest.told[0]
            await runtime.trust.approvals.answer(question.id, "deny", person, "test")
            result = await call
    assert result.error is not None
    assert result.error.code == "denied"


async def test_silence_is_a_no_and_always_outlives_the_server(tmp_path: Any) -> None:
    environment = plugin_environment(tmp_path, probe="support.probe:Probe")

    def server_with(**settings: float) -> JupyterServer:
        config = {"JupyterMCP": settings}
        return JupyterServer(tmp_path, collaboration=False, env=environment, config=config)

    with server_with(approval_seconds=1.0) as server:
        for era in ERAS:
            form = Form("accept", "once", waits=True)
            async with connected(server, era, elicitation_callback=form) as client:
                call = asyncio.create_task(client.call_tool(TOOL, {}))
                await asyncio.wait_for(form.was_asked.wait(), 30)
                await Person(server).nothing_waits()
                form.may_answer.set()
                result = await asyncio.wait_for(call, 30)
            assert result.structured_content["error"]["code"] == "denied"
            assert "Nobody approved" in text(result)
            assert "jupyter mcp approvals" in text(result)
    server = server_with()
    with server:
        async with connected(server, elicitation_callback=Form("accept", "always")) as client:
            assert not (await client.call_tool(TOOL, {})).is_error
    with server:
        async with connected(server) as client:
            assert not (await asyncio.wait_for(client.call_tool(TOOL, {}), 30)).is_error
