from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.stop.switch import STOPS_LIMIT, TARGET_LIMIT, Switch, named
from jupyter_mcp.storage import Storage

PERSON = Principal("person:local", "ann", kind="person")
AGENT = Principal("token:abc", "token", credential="x")
ANNS = Principal("user:ann", "ann")
MADE = Principal("token:family", "ci", kind="client", token="family", maker=ANNS)
CHILD = Principal("token:child", "child", kind="client", token="child", maker=MADE)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """A database."""
    storage = Storage(tmp_path)
    yield storage
    storage.stop()


def switch_of(storage: Storage) -> Switch:
    """Return a switch that persons may turn back."""
    return Switch(storage, decides=lambda principal: principal.kind == "person")


@pytest.mark.parametrize(
    ("target", "principal", "client", "expected"),
    [
        ("*", AGENT, "cursor 1", True),
        ("*", PERSON, "", False),
        ("cursor", AGENT, "cursor 1.2", True),
        ("Claude Code", AGENT, "claude code 2.1", True),
        ("claude code 2.1", AGENT, "Claude Code 2.1", True),
        ("claude", AGENT, "claude code 2.1", False),
        ("token:family", MADE, "", True),
        ("user:ann", MADE, "", True),
        ("user:bob", MADE, "", False),
        ("user:ann", CHILD, "", True),
        ("token:family", CHILD, "", True),
        ("token:child", MADE, "", False),
        ("user:ann", AGENT, "user:ann", False),
    ],
)
async def test_who_is_stopped(
    storage: Storage, target: str, principal: Principal, client: str, *, expected: bool
) -> None:
    switch = switch_of(storage)
    await switch.stop(target, "paused", PERSON)
    assert (switch.find(principal, client) is not None) == expected


async def test_a_stop_is_found_by_whoever_opens_its_database_first(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    await switch_of(storage).stop("cursor", "paused", PERSON)
    storage.stop()
    later = Storage(tmp_path)
    switch = switch_of(later)
    await switch.start()
    later.stop()
    assert switch.find(AGENT, "cursor 1") is not None


async def test_the_strictest_counts_and_only_a_person_loosens(storage: Storage) -> None:
    switch = switch_of(storage)
    await switch.stop("cursor", "paused", PERSON)
    await switch.stop("*", "read_only", AGENT, reason="mine")
    found = switch.find(AGENT, "cursor 1")
    assert found is not None
    assert found.mode == "paused"
    with pytest.raises(ToolError, match="may not let agents go on"):
        await switch.stop("cursor", "read_only", AGENT)
    with pytest.raises(ToolError, match="may not let agents go on"):
        await switch.resume("*", AGENT)
    await switch.stop("cursor", "read_only", PERSON)
    assert {stop.target: stop.mode for stop in switch.stops} == {
        "*": "read_only",
        "client:cursor": "read_only",
    }
    with pytest.raises(ToolError, match="Nothing stops"):
        await switch.resume("other", PERSON)
    assert len(await switch.resume("*", PERSON)) == 2


async def test_an_ended_access_stays_ended(storage: Storage) -> None:
    def end(connection: Any) -> None:
        from jupyter_mcp.storage.tables import switches

        row = {"target": "token:abc", "mode": "ended", "by": "ann", "at": 1.0}
        connection.execute(switches.insert().values(**row))

    def modes(connection: Any) -> list[str]:
        from jupyter_mcp.storage.tables import switches

        return [row.mode for row in connection.execute(switches.select())]

    await storage.run(end)
    switch = switch_of(storage)
    await switch.start()
    assert switch.stops == []
    await switch.stop("token:abc", "paused", PERSON)
    await switch.resume("*", PERSON)
    assert await storage.run(modes) == ["ended"]


def test_an_empty_target_is_refused() -> None:
    with pytest.raises(ToolError, match="Say who"):
        named("  ")


async def test_an_agent_cannot_fill_the_list_of_stops(storage: Storage) -> None:
    switch = switch_of(storage)
    for target in ("x" * (TARGET_LIMIT + 1), "a\x00b", "a\u202eb"):
        with pytest.raises(ToolError, match="Say who"):
            await switch.stop(target, "paused", AGENT)
    for number in range(STOPS_LIMIT):
        await switch.stop(f"agent {number}", "read_only", AGENT)
    with pytest.raises(ToolError, match="already"):
        await switch.stop("one more", "paused", AGENT)
    await switch.stop("agent 1", "paused", AGENT)
    await switch.stop("one more", "paused", PERSON)
    await switch.stop("*", "paused", AGENT)
    assert switch.find(AGENT, "") is not None
