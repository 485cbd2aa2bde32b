"""Walks every tool of every toolset with every shipped role: who sees it, who may call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from jupyter_mcp.calls.operation import Operation, Tool
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.policy.roles import EVERYDAY, HUMAN_DECISIONS
from jupyter_mcp.security.principal import ALL_SCOPES, Principal
from support.runtimes import running
from support.workshops import Client, Workshop, workshop

ALLOWED: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "editor": frozenset({"read", "edit"}),
    "operator": ALL_SCOPES,
    "admin": ALL_SCOPES,
}
"""The scopes that each shipped role allows."""

EXAMPLES: Mapping[Any, Any] = {
    "string": "x",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "array": [],
    "object": {},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workshop]:
    """A runtime with the shipped roles, where a question waits no longer than a second."""
    home = tmp_path_factory.mktemp("every")
    async with workshop(home, approval_seconds=1.0, rate_limits=()) as opened:
        yield opened


pytestmark = pytest.mark.asyncio(loop_scope="module")


def somebody(role: str) -> Principal:
    """Return a person with one of the shipped roles and every scope."""
    return Principal(f"user:{role}", role, credential=role, kind="user", roles=(role,))


def tools(runtime: Runtime) -> list[Tool]:
    """Return every tool of every toolset."""
    every = [op for toolset in runtime.catalog.toolsets for op in toolset.operations]
    return [op for op in every if isinstance(op, Tool)]


async def test_schemas_wait_until_somebody_asks_for_their_toolset(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        catalog = runtime.catalog
        assert catalog.is_compiled(catalog.selection())
        assert not catalog.is_compiled(frozenset({"sandboxes"}))
        await runtime.prepare(frozenset({"sandboxes"}))
        assert catalog.is_compiled(frozenset({"sandboxes"}))
        assert not catalog.is_compiled(frozenset({"sandboxes", "files"}))


async def test_every_schema_is_sound(shop: Workshop) -> None:
    shop.runtime.catalog.compile(shop.runtime.catalog.selection("all"))
    for each in tools(shop.runtime):
        Draft202012Validator.check_schema(dict(each.input_schema))
        if each.output_schema is not None:
            Draft202012Validator.check_schema(dict(each.output_schema))


def may(role: str, tool: Tool) -> bool:
    """Say whether a role allows a tool, in the words of the roles' description."""
    if role == "operator" and tool.name in HUMAN_DECISIONS:
        return False
    if tool.scope == "read" and not tool.read_only and role in ("viewer", "editor"):
        return True
    return tool.scope in ALLOWED[role]


def asks(role: str, tool: Tool) -> bool:
    """Say whether somebody is asked before a tool runs for a role."""
    destroys = tool.destructive and tool.name not in EVERYDAY
    return role == "operator" and (destroys or tool.name == "token_create")


def example(schema: Mapping[str, Any]) -> Any:
    """Return a value that fits a schema."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    if schema.get("type") == "object" or "properties" in schema:
        found = schema.get("properties", {})
        return {name: example(found[name]) for name in schema.get("required", ())}
    if schema.get("type") == "array":
        return [example(schema.get("items", {}))] * schema.get("minItems", 0)
    if schema.get("type") == "string":
        return "x" * max(1, schema.get("minLength", 1))
    return EXAMPLES.get(schema.get("type"), "x")


def arguments(tool: Tool) -> dict[str, Any]:
    """Return arguments that a tool takes, and that lead to nothing that is there."""
    given: dict[str, Any] = example(tool.input_schema)
    given |= {name: "nothing.ipynb" for name in given if name == "path"}
    tool.parse(given)
    return given


async def call(
    shop: Workshop, tool: Operation, principal: Principal, channel: Client | None = None
) -> Any:
    """Force a call, whatever the lists say."""
    assert isinstance(tool, Tool)
    return await shop.runtime.call(tool, arguments(tool), principal, "test", channel=channel)


async def test_every_tool_is_described_in_full(shop: Workshop) -> None:
    for tool in tools(shop.runtime):
        assert tool.scope in ALL_SCOPES, tool.name
        assert tool.title, tool.name
        assert len(tool.description) > 20, tool.name
        assert tool.output_schema, tool.name
        assert tool.input_schema["type"] == "object", tool.name
        assert not (tool.read_only and tool.destructive), tool.name
        assert tool.read_only or tool.scope != "read", f"{tool.name} writes with the scope read"


@pytest.mark.parametrize("role", ALLOWED)
async def test_a_role_lists_what_it_allows_and_nothing_else(shop: Workshop, role: str) -> None:
    catalog = shop.runtime.catalog
    listed = set(catalog.view(somebody(role), catalog.selection("all")).tools)
    assert listed == {tool.name for tool in tools(shop.runtime) if may(role, tool)}


@pytest.mark.parametrize("scope", sorted(ALL_SCOPES))
async def test_a_token_lists_what_its_scope_and_its_maker_allow(shop: Workshop, scope: str) -> None:
    catalog = shop.runtime.catalog
    token = Principal(
        "token:t", "t", frozenset({scope}), "t", kind="client", token="t", maker=somebody("editor")
    )
    listed = set(catalog.view(token, catalog.selection("all")).tools)
    every = [tool for tool in tools(shop.runtime) if may("editor", tool)]
    assert listed == {tool.name for tool in every if tool.scope == scope}


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_a_forced_call_is_refused_recorded_and_signalled(shop: Workshop, role: str) -> None:
    trust, who = shop.runtime.trust, somebody(role)
    refused = [tool for tool in tools(shop.runtime) if not may(role, tool)]
    assert refused
    before = trust.signals.counts["call_denied"]
    for tool in refused:
        result = await call(shop, tool, who)
        assert result.error is not None, tool.name
        assert result.error.code == "forbidden", tool.name
    assert trust.signals.counts["call_denied"] == before + len(refused)
    found = await records(shop, who.id)
    recorded = [record for record in found if record["kind"] == "call"]  # not that a slow one began
    assert {tool.name for tool in refused} <= {
        record["operation"]["name"] for record in recorded if record["outcome"] == "denied"
    }
    assert all(record["notes"]["rule"] for record in recorded)


async def test_an_agent_never_decides_for_a_person(shop: Workshop) -> None:
    found = {tool.name: tool for tool in tools(shop.runtime)}
    for name in HUMAN_DECISIONS:
        result = await call(shop, found[name], somebody("operator"))
        assert result.error is not None, name
        assert result.error.code == "forbidden", name


async def test_what_destroys_asks_when_the_owners_token_calls(shop: Workshop) -> None:
    owner = Principal("token:owner", "owner", credential="o", kind="owner")
    asked = [tool for tool in tools(shop.runtime) if asks("operator", tool)]
    assert {"kernel_restart", "kernel_stop", "token_create"} <= {tool.name for tool in asked}
    for tool in asked:
        questions: list[str] = []
        client = Client(lambda request, to=questions: _decline(request, to))
        result = await call(shop, tool, owner, client)
        assert len(questions) == 1, tool.name
        assert tool.name in questions[0]
        assert result.error is not None, tool.name
        assert result.error.code == "denied", tool.name


async def test_what_an_owner_does_every_day_asks_nobody(shop: Workshop) -> None:
    owner = Principal("token:owner", "owner", credential="o", kind="owner")
    questions: list[str] = []
    client = Client(lambda request: _decline(request, questions))
    every = {tool.name: tool for tool in tools(shop.runtime)}
    for name in ("cell_run", "notebook_read", "cell_edit", "kernel_list", "token_list"):
        assert not asks("operator", every[name])
        await call(shop, every[name], owner, client)
    assert questions == []


def _decline(request: Any, questions: list[str]) -> dict[str, Any]:
    questions.append(request.params["message"])
    return {"action": "decline"}


async def records(shop: Workshop, principal: str) -> list[dict[str, Any]]:
    """Return what the audit has of somebody."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    admin = Principal("person:local", "person", credential="p", kind="person")
    every = {tool.name: tool for tool in tools(shop.runtime)}
    await shop.runtime.trust.audit.flush()
    while True:
        given = {"principal": principal, "limit": 100, **({"cursor": cursor} if cursor else {})}
        result = await shop.runtime.call(every["audit_search"], given, admin, "test")
        assert result.structured is not None, result.error
        found += result.structured["records"]
        cursor = result.structured.get("next_cursor")
        if cursor is None:
            return found
