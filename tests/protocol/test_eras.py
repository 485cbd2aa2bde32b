"""What a client of either era gets, seen with the SDK's own client against a real server."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp import types
from mcp.shared.exceptions import MCPError

from support.clients import MODERN, connected
from support.server import JupyterServer

ERAS = pytest.mark.parametrize("era", [MODERN, "legacy"])


@ERAS
async def test_lists_and_calls_tools(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        result = await client.call_tool("probe_add", {"a": 2, "b": 3})
    assert result.structured_content == {"result": 5}
    edit = tools["probe_edit"].annotations
    assert edit is None or edit.destructive_hint is not False, "destructive is MCP's default"
    assert tools["probe_echo"].annotations is not None
    assert tools["probe_echo"].annotations.open_world_hint is False
    assert tools["probe_echo"].annotations is not None
    assert tools["probe_echo"].annotations.read_only_hint is True
    assert tools["probe_echo"].output_schema is not None
    assert list(tools) == sorted(tools)


@ERAS
async def test_icons_are_found_at_their_address(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        tools = (await client.list_tools()).tools
    icons = {icon.src for tool in tools for icon in tool.icons or ()}
    assert icons
    for source in icons:
        path = source.removeprefix(probed.url)
        answer = probed.request("GET", path, token=False)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "image/svg+xml"


@ERAS
async def test_default_view_is_the_core(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era, query="") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert "job_get" in names
    assert "probe_echo" not in names


@ERAS
async def test_tells_who_calls_and_with_what(probed: JupyterServer, era: str) -> None:
    info = types.Implementation(name="tester", version="7")
    async with connected(probed, era, client_info=info) as client:
        who = (await client.call_tool("probe_who", {})).structured_content
        again = (await client.call_tool("probe_who", {})).structured_content
    assert who is not None
    assert who["client"] == "tester 7"
    assert who["id"].startswith("token:")
    assert probed.token not in str(who)
    assert who == again, "an identity must not change from request to request"


@ERAS
async def test_reads_resources_and_templates(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        listed = {str(found.uri) for found in (await client.list_resources()).resources}
        templates = (await client.list_resource_templates()).resource_templates
        note = (await client.read_resource("probe://note/today")).contents[0]
        fixed = (await client.read_resource("probe://fixed")).contents[0]
    assert {"probe://fixed", "probe://note/token"} <= listed
    assert "probe://note/{name}" in {found.uri_template for found in templates}
    assert isinstance(note, types.TextResourceContents)
    assert (note.text, note.mime_type) == ("note today", "text/plain")
    assert isinstance(fixed, types.BlobResourceContents)
    assert base64.b64decode(fixed.blob) == b"\x00\x01"


@ERAS
@pytest.mark.parametrize("uri", ["probe://note/missing", "nowhere://at/all"])
async def test_missing_resource_is_an_error_that_names_it(
    probed: JupyterServer, era: str, uri: str
) -> None:
    async with connected(probed, era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert caught.value.code == types.INVALID_PARAMS
    assert caught.value.data["uri"] == uri


@ERAS
async def test_prompts_and_their_completion(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        listed = {found.name: found for found in (await client.list_prompts()).prompts}
        got = await client.get_prompt("probe_explain", {"topic": "plots", "tone": "short"})
        ref = types.PromptReference(name="probe_explain")
        completed = await client.complete(ref, {"name": "topic", "value": "pl"})
        given = await client.complete(
            ref, {"name": "topic", "value": "dry-pl"}, context_arguments={"tone": "dry-"}
        )
        nothing = await client.complete(ref, {"name": "tone", "value": ""})
    required = {
        argument.name: argument.required for argument in listed["probe_explain"].arguments or ()
    }
    assert required == {"topic": True, "tone": False}
    assert isinstance(got.messages[0].content, types.TextContent)
    assert got.messages[0].content.text == "Explain plots in a short way."
    assert isinstance(got.messages[1].content, types.ResourceLink)
    assert completed.completion.values == ["plots", "places"]
    assert given.completion.values == ["dry-plots", "dry-places"]
    assert nothing.completion.values == []


@ERAS
async def test_completion_of_a_template_is_cut_and_says_so(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        ref = types.ResourceTemplateReference(uri="probe://note/{name}")
        completed = (await client.complete(ref, {"name": "name", "value": "a"})).completion
    assert len(completed.values) == 100
    assert (completed.total, completed.has_more) == (150, True)


@ERAS
async def test_progress_arrives_while_the_call_runs(probed: JupyterServer, era: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def listen(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async with connected(probed, era) as client:
        await client.call_tool("probe_count", {"steps": 3}, progress_callback=listen)
    assert told == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


@pytest.mark.parametrize("wanted", [None, "info", "error"])
async def test_modern_log_is_opted_in_by_level(
    probed: JupyterServer, wanted: types.LoggingLevel | None
) -> None:
    lines: list[Any] = []

    async def listen(params: types.LoggingMessageNotificationParams) -> None:
        lines.append(params.data)

    async with connected(probed, logging_callback=listen, log_level=wanted) as client:
        await client.call_tool("probe_count", {"steps": 2})
    assert lines == (["step 1", "step 2"] if wanted == "info" else [])


async def test_legacy_log_obeys_set_level(probed: JupyterServer) -> None:
    lines: list[Any] = []

    async def listen(params: types.LoggingMessageNotificationParams) -> None:
        lines.append(params.data)

    async with connected(probed, "legacy", logging_callback=listen) as client:
        await client.call_tool("probe_count", {"steps": 1})
        await client.session.send_request(
            types.SetLevelRequest(params=types.SetLevelRequestParams(level="error")),
            types.EmptyResult,
        )
        await client.call_tool("probe_count", {"steps": 1})
    assert lines == ["step 1"]


@ERAS
async def test_errors_of_calls_are_results_with_a_remedy(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        await client.list_tools()
        told = await client.call_tool("probe_fail", {"kind": "told"})
        leaked = await client.call_tool("probe_fail", {"kind": "else"})
        wrong = await client.call_tool("probe_add", {"a": "x", "b": 1})
        extra = await client.call_tool("probe_echo", {"text": "x", "more": 1})
    for result, words in (
        (told, ("The cell has changed.", "Read it again.")),
        (leaked, ("error id",)),
        (wrong, ("'a'", "probe_add")),
        (extra, ("no argument 'more'",)),
    ):
        assert result.is_error
        assert isinstance(result.content[0], types.TextContent)
        text = result.content[0].text
        assert "\n" not in text
        assert "secret" not in text
        assert all(word in text for word in words), text
    assert told.structured_content is not None
    assert told.structured_content["error"]["code"] == "conflict"


@ERAS
async def test_what_json_cannot_carry_arrives_all_the_same(probed: JupyterServer, era: str) -> None:
    async with connected(probed, era) as client:
        result = await client.call_tool("probe_odd", {})
    assert isinstance(result.content[0], types.TextContent)
    assert result.content[0].text == "half a pair: ?"
    answer = probed.request("POST", "jupyter_mcp/api/tools/probe_odd", {})
    assert answer.json()["content"][0]["text"].startswith("half a pair")


@ERAS
async def test_unknown_tool_is_a_protocol_error_with_a_hint(
    probed: JupyterServer, era: str
) -> None:
    async with connected(probed, era) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("probe_ecko", {})
    assert caught.value.code == types.INVALID_PARAMS
    assert "probe_echo" in str(caught.value)


@ERAS
async def test_unknown_prompt_and_cursor_are_protocol_errors(
    probed: JupyterServer, era: str
) -> None:
    async with connected(probed, era) as client:
        with pytest.raises(MCPError) as prompt_error:
            await client.get_prompt("no_such_prompt", {})
        with pytest.raises(MCPError) as cursor_error:
            await client.list_prompts(cursor="%%%")
    assert prompt_error.value.code == cursor_error.value.code == types.INVALID_PARAMS
