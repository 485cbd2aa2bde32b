"""Work on a sandbox's own branch: begun, seen, brought back and dropped."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from support.file_benches import Bench
from support.git_server import git, repository

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


async def begun(box: Bench, **files: str) -> dict[str, Any]:
    """Begin a session with a repository ``lib`` of the root."""
    repository(box.root / "lib", **(files or {"a__txt": "one\n"}))
    session: dict[str, Any] = await box.do("git_session_start", root_path="lib")
    return session


ENDS = {"root_path": "lib", "sandbox_path": "lib"}


async def work(box: Bench, path: str = "a.txt", content: str = "two\n") -> None:
    await box.do("file_write", path=f"lib/{path}", content=content)
    await box.do("git_commit", path="lib", message=f"change {path}")


async def test_a_session_comes_back_as_a_merge(box: Bench) -> None:
    session = await begun(box)
    assert session["path"] == "lib"
    assert session["branch"] == f"mcp/{box.sandbox_id}"
    assert not session["dirty"]
    assert await box.text("lib/a.txt") == "one\n"
    await work(box)
    await work(box, "b.txt", "b\n")
    diff = await box.do("git_diff", path="lib", revision="session")
    assert [each["path"] for each in diff["files"]] == ["a.txt", "b.txt"]
    log = await box.do("git_log", path="lib", revision="session")
    assert len(log["commits"]) == 2
    root = box.root / "lib"
    (root / "mine.txt").write_text("mine\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "mine")
    applied = await box.do("git_session_apply", **ENDS)
    assert applied["commits"] == 2
    assert (root / "a.txt").read_text() == "two\n"
    assert (root / "mine.txt").read_text() == "mine\n"
    assert git(root, "log", "-1", "--format=%s") == f"Merge the work of sandbox {box.sandbox_id}"
    assert git(root, "status", "--porcelain") == ""
    left = [path.name for path in (root.parent.parent / "state").rglob("*.bundle")]
    assert left == []
    assert await box.names() == ["lib"]


async def test_a_session_comes_back_as_changes_or_as_a_branch(box: Bench) -> None:
    await begun(box)
    await work(box)
    root = box.root / "lib"
    await box.do("git_session_apply", **ENDS, mode="branch")
    assert (root / "a.txt").read_text() == "one\n"
    assert git(root, "show", f"mcp/{box.sandbox_id}:a.txt") == "two"
    await box.do("git_session_apply", **ENDS, mode="changes")
    assert git(root, "status", "--porcelain") == "M  a.txt"
    assert git(root, "log", "--format=%s") == "first"


async def test_what_both_changed_changes_nothing(box: Bench) -> None:
    await begun(box)
    await work(box)
    root = box.root / "lib"
    (root / "a.txt").write_text("mine\n")
    error = await box.refused("git_session_apply", **ENDS)
    assert error.code == "conflict"  # it is not committed
    assert (root / "a.txt").read_text() == "mine\n"
    git(root, "commit", "-q", "-a", "-m", "mine")
    for mode in ("merge", "changes"):
        error = await box.refused("git_session_apply", **ENDS, mode=mode)
        assert error.data["files"] == ["a.txt"]
        assert git(root, "status", "--porcelain") == ""
    assert (root / "a.txt").read_text() == "mine\n"


async def test_a_session_is_dropped_on_both_sides(box: Bench) -> None:
    session = await begun(box)
    await work(box)
    await box.do("git_session_apply", **ENDS, mode="branch")
    await box.do("file_write", path="lib/new.txt", content="x")
    await box.do("git_session_discard", **ENDS)
    assert await box.text("lib/a.txt") == "one\n"
    assert await box.names("lib") == ["lib/.git", "lib/a.txt"]
    root = box.root / "lib"
    assert git(root, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(root, "rev-parse", "HEAD") == session["base"]
    assert (await box.refused("git_session_apply", **ENDS)).code == "not_found"


async def test_work_that_is_not_committed_or_not_there_is_told(box: Bench) -> None:
    await begun(box)
    error = await box.refused("git_session_apply", **ENDS)
    assert "no commit" in error.message
    await box.do("file_write", path="lib/a.txt", content="two\n")
    error = await box.refused("git_session_apply", **ENDS)
    assert "git_commit" in error.remedy
    error = await box.refused("git_session_start", root_path="lib")
    assert error.code == "conflict"  # the folder is there
    (box.root / "lib/dirty.txt").write_text("x")
    second = await box.do("git_session_start", root_path="lib", sandbox_path="/workspace/again")
    assert second["dirty"]
    assert second["path"] == "again"


async def test_rewritten_history_is_refused(box: Bench) -> None:
    await begun(box)
    place = await box.shop.runtime.host.neighbours.place(box.sandbox_id, None)
    script = (
        "git checkout -q --orphan evil && git -c user.name=x -c user.email=x@x commit -q -m evil"
    )
    done = await place.run(["sh", "-c", script], cwd="lib")
    assert done.exit_code == 0, done.stderr
    error = await box.refused("git_session_apply", **ENDS)
    assert error.code == "conflict"
    root = box.root / "lib"
    refs = git(root, "for-each-ref", "--format=%(refname)").splitlines()
    assert [ref for ref in refs if "incoming" in ref or "heads/mcp" in ref] == []


async def test_a_hostile_tree_does_not_get_into_gits_own_folder(box: Bench) -> None:
    """What comes back is checked object by object: no entry is called .git."""
    await begun(box)
    place = await box.shop.runtime.host.neighbours.place(box.sandbox_id, None)
    script = """
    set -e
    c() { git -c user.name=x -c user.email=x@x commit-tree "$@"; }
    blob=$(echo 'touch /tmp/owned' | git hash-object -w --stdin)
    evil=$(printf "100755 .git\\0$(echo $blob | sed 's/../\\\\x&/g')" |
        git hash-object -t tree -w --literally --stdin)
    first=$(c $evil -p HEAD -m evil)
    git update-ref HEAD $(c HEAD^{tree} -p $first -m innocent)
    """
    done = await place.run(["bash", "-c", script], cwd="lib")
    assert done.exit_code == 0, done.stderr
    before = sorted(path.name for path in (box.root / "lib/.git").iterdir())
    error = await box.refused("git_session_apply", **ENDS, mode="branch")
    assert error.code == "git_failed"
    assert "hasDotgit" in error.message or "fsck" in error.message
    after = sorted(path.name for path in (box.root / "lib/.git").iterdir())
    assert [name for name in after if name not in before] == []


@pytest.mark.parametrize("moment", ["*.bundle", "*.cloning-*"])
async def test_a_session_that_is_cut_short_leaves_nothing(box: Bench, moment: str) -> None:
    state = box.root.parent / "state"
    repository(box.root / "lib", **{f"f{n}__txt": "x" * 50_000 for n in range(40)})
    task = asyncio.create_task(box.ask("git_session_start", root_path="lib"))
    while not (task.done() or list(state.rglob(moment))):  # noqa: ASYNC110 - files tell nobody
        await asyncio.sleep(0)
    assert task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    names = await box.names()
    assert [name for name in names if "bundle" in name or "cloning" in name] == []
    assert list(state.rglob("*.bundle")) == []
