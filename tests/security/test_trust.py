from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mcp.security.approvals.grants import Matter
from jupyter_mcp.security.tokens.access_token import TokenRefused
from support.runtimes import OWNER, PERSON, call, running

LOOKS = """
import asyncio, sys
from pathlib import Path
from jupyter_mcp.config import Settings
from jupyter_mcp.runtime import Runtime
from support.runtimes import OWNER

async def look():
    runtime = Runtime(Settings(state_dir=sys.argv[1]))
    await runtime.start()
    assert runtime.catalog.view(OWNER).tools
    await runtime.stop()

asyncio.run(look())
heavy = {"sqlalchemy", "alembic", "jwt", "limits", "chromadb", "numpy", "onnxruntime"}
unused = {"files.service", "sandboxes.sessions.service"}
heavy |= {f"jupyter_mcp.toolsets.{each}" for each in unused}
print(sorted(heavy & set(sys.modules)), Path(sys.argv[1]).is_dir())
"""

MATTER = Matter("token:a", "credential", "cursor 1", "cell_delete", "hash")


async def test_what_was_decided_is_in_force_before_the_first_call(tmp_path: Path) -> None:
    async with running(tmp_path) as before:
        made = await before.trust.tokens.create(PERSON, ["read"], expires_seconds=3600)
        await before.trust.tokens.revoke(made.family.id, "lost")
        await before.trust.access.end("user:bob", PERSON)
        assert not (await call(before, "agents_pause", PERSON)).is_error
    async with running(tmp_path) as after:
        first = await call(after, "notebook_list", OWNER)
        assert first.error.code == "paused"
        with pytest.raises(TokenRefused, match="revoked"):
            await after.trust.tokens.principal_of(made.access_token)
        assert [each.who for each in after.trust.access.ended()] == ["user:bob"]


async def test_a_stop_that_is_all_that_was_decided_is_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as before:
        assert not (await call(before, "agents_pause", PERSON)).is_error
    async with running(tmp_path) as after:
        assert (await call(after, "notebook_list", OWNER)).error.code == "paused"


async def test_an_ended_access_that_is_all_that_was_decided_is_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as before:
        await before.trust.access.end("user:bob", PERSON)
    async with running(tmp_path) as after:
        assert [each.who for each in after.trust.access.ended()] == ["user:bob"]


async def test_tokens_that_are_all_that_was_decided_are_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as before:
        made = await before.trust.tokens.create(PERSON, ["read"], expires_seconds=3600)
    async with running(tmp_path) as after:
        assert (await after.trust.tokens.principal_of(made.access_token)).token == made.family.id


async def test_a_yes_for_always_that_is_all_that_was_decided_is_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as before:
        grants = before.trust.approvals.grants
        await grants.store(grants.add("always", MATTER, "path: a.ipynb", "ann"))
    async with running(tmp_path) as after:
        assert after.trust.approvals.grants.find(MATTER) is not None


def _look_at(state: Path) -> list[str]:
    """Look at what a server on this folder offers, and return what was heavy about it."""
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, str(state)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tests,
    )
    return done.stdout.split()


def _left_of_the_database(state: Path) -> list[str]:
    return [file.name for file in state.rglob("workbench.db*")]


def test_a_new_server_that_is_only_looked_at_opens_no_database_and_imports_nothing_heavy(
    tmp_path: Path,
) -> None:
    assert _look_at(tmp_path) == ["[]", "True"]
    assert not _left_of_the_database(tmp_path)


async def test_a_server_where_nobody_decided_anything_is_looked_at_without_its_database(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as before:
        assert not (await call(before, "job_list", OWNER)).is_error
    assert _left_of_the_database(tmp_path) == ["workbench.db"], "what was called is in the audit"
    assert _look_at(tmp_path) == ["[]", "True"]
    assert _left_of_the_database(tmp_path) == ["workbench.db"]
