"""The service of sandboxes begins when there is something to look after, not before."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.sessions.marks import Marks
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from jupyter_mcp.toolsets.sandboxes.tools import Sandboxes, base
from support.runtimes import running
from support.sandboxes import ANN, kept_runtime, sandboxes_of, settings_for, until


def has_begun(runtime: Runtime) -> bool:
    (toolset,) = (each for each in runtime.catalog.toolsets if isinstance(each, Sandboxes))
    return "sandboxes" in vars(toolset)


async def test_where_no_sandbox_was_made_nothing_begins_until_another_server_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[set[str]] = []
    names = Marks.names

    def counted(marks: Marks) -> set[str]:
        looks.append(names(marks))
        return looks[-1]

    monkeypatch.setattr(Marks, "names", counted)
    monkeypatch.setattr(base, "LOOKOUT_SECONDS", 0.01)
    async with running(tmp_path, **settings_for("process")) as runtime:
        await until(lambda: len(looks) > 1)
        assert not has_begun(runtime)
        Marks(runtime.host.state).add("process")  # as another server of this folder does
        await until(lambda: has_begun(runtime))


async def test_a_server_looks_after_what_an_earlier_one_made_before_anybody_asks(
    tmp_path: Path,
) -> None:
    async with kept_runtime(tmp_path) as runtime:
        made = await sandboxes_of(runtime).create(ANN, Wish())
    with contextlib.chdir(tmp_path):
        async with running(tmp_path, **settings_for("process")) as runtime:
            await until(lambda: has_begun(runtime))
            found = await sandboxes_of(runtime).list(None)
            assert [each.id for each in found] == [made.id]
            await sandboxes_of(runtime).destroy(made.id, None)
