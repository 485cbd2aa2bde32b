from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jupyter_mcp.security.approvals.grants import SESSION_SECONDS, SESSIONS_LIMIT, Grants, Matter
from jupyter_mcp.storage import Storage
from support.clock import Clock

MATTER = Matter("token:a", "credential", "cursor 1", "cell_delete", "hash")


def test_a_session_is_one_credential_client_and_tool(tmp_path: Path) -> None:
    grants = Grants(Storage(tmp_path))
    grants.add("session", MATTER, "path: a.ipynb", "ann")
    assert grants.find(replace(MATTER, arguments_hash="other")) is not None
    for other in ("principal", "credential", "client", "tool", "topic"):
        assert grants.find(replace(MATTER, **{other: "other"})) is None


def test_always_is_one_principal_tool_and_arguments(tmp_path: Path) -> None:
    grants = Grants(Storage(tmp_path))
    grants.add("always", MATTER, "path: a.ipynb", "ann")
    assert grants.find(replace(MATTER, credential="other", client="other")) is not None
    for other in ("principal", "tool", "arguments_hash"):
        assert grants.find(replace(MATTER, **{other: "other"})) is None


def test_a_session_ends_when_nobody_uses_it(tmp_path: Path) -> None:
    clock = Clock()
    grants = Grants(Storage(tmp_path), clock)
    grants.add("session", MATTER, "", "ann")
    for _ in range(3):
        clock.now += SESSION_SECONDS - 1
        assert grants.find(MATTER) is not None
    clock.now += SESSION_SECONDS + 1
    assert grants.all == []
    assert grants.find(MATTER) is None


def test_sessions_are_bounded(tmp_path: Path) -> None:
    grants = Grants(Storage(tmp_path))
    for number in range(SESSIONS_LIMIT + 5):
        grants.add("session", replace(MATTER, client=str(number)), "", "ann")
    assert len(grants.all) == SESSIONS_LIMIT


async def test_what_is_stored_is_there_again_and_forgotten_for_good(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    grants = Grants(storage)
    grant = grants.add("always", MATTER, "path: a.ipynb", "ann")
    await grants.store(grant)
    again = Grants(storage)
    await again.start()
    found = again.find(MATTER)
    assert found is not None
    assert (found.by, found.summary) == ("ann", "path: a.ipynb")
    assert await again.forget(grant.id) is not None
    assert await again.forget(grant.id) is None
    after = Grants(storage)
    await after.start()
    assert after.find(MATTER) is None
    storage.stop()
