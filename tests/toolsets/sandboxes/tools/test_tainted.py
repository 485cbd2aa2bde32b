"""An agent that has read what a sandbox wrote: what it may still do there without a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Result
from jupyter_mcp.runtime import Runtime
from support.runtimes import OWNER
from support.sandboxes import sandbox_runtime

OPEN = [
    ("bubblewrap", {"mounts": ["lent"]}),
    ("process", {}),
]


async def ask(runtime: Runtime, tool: str, **arguments: Any) -> Result:
    everything = runtime.catalog.selection("all")
    return await runtime.call_tool(tool, arguments, OWNER, "test", selection=everything)


async def begun(runtime: Runtime, wish: dict[str, Any]) -> tuple[str, str]:
    """Make a sandbox with a terminal, then read what a program there says."""
    made = await ask(runtime, "sandbox_create", **wish)
    assert made.error is None, made.error
    assert made.structured is not None
    sandbox: str = made.structured["sandbox_id"]
    terminal = await ask(runtime, "terminal_open", sandbox_id=sandbox)
    assert terminal.structured is not None, terminal.error
    assert not (await ask(runtime, "terminal_run", command="true", sandbox_id=sandbox)).is_error
    return sandbox, terminal.structured["terminal_id"]


async def done(runtime: Runtime, sandbox: str, terminal: str) -> list[str]:
    """Return how a command, a file and some typing there end: with an error's code, or well."""
    results = [
        await ask(runtime, "terminal_run", command="true", sandbox_id=sandbox),
        await ask(runtime, "file_write", path="a", content="b", sandbox_id=sandbox),
        await ask(runtime, "terminal_send", terminal_id=terminal, text="x"),
    ]
    return [result.error.code if result.error else "well" for result in results]


@pytest.mark.parametrize(("backend", "wish"), OPEN)
async def test_who_reads_what_a_program_says_is_asked_where_something_leads_out(
    backend: str, wish: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "lent").mkdir()
    settings: dict[str, Any] = {
        "toolsets": ("sandboxes", "files"),
        "sandbox_mounts": {"lent": f"{tmp_path / 'lent'}:/mnt:rw"},
        "approval_seconds": 0.2,
    }
    async with sandbox_runtime(tmp_path / "state", backend, **settings) as runtime:
        assert await done(runtime, *await begun(runtime, wish)) == ["denied"] * 3


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
async def test_a_sandbox_that_nothing_leaves_is_worked_in_without_questions(
    backend: str, tmp_path: Path
) -> None:
    (tmp_path / "lent").mkdir()
    settings: dict[str, Any] = {
        "toolsets": ("sandboxes", "files"),
        "sandbox_mounts": {"lent": f"{tmp_path / 'lent'}:/mnt"},
        "approval_seconds": 0.2,
    }
    async with sandbox_runtime(tmp_path / "state", backend, **settings) as runtime:
        sandbox, terminal = await begun(runtime, {"mounts": ["lent"]})
        assert await done(runtime, sandbox, terminal) == ["well"] * 3
