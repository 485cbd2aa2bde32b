from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_new_server_that_is_only_looked_at_opens_no_database_and_imports_nothing_heavy(
    tmp_path: Path,
) -> None:
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tests,
    )
    assert done.stdout.split() == ["[]", "True"]
    assert not list(tmp_path.rglob("workbench.db"))
