"""Who may use which file: tokens for some paths only, links, and rules of a policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.file_benches import Bench, narrow, settings
from support.git_server import git, repository
from support.workshops import workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

COURSE = narrow("course/*")
CALLS: dict[str, dict[str, Any]] = {
    "file_read": {"path": "{}/a.txt"},
    "file_write": {"path": "{}/new.txt", "content": "x"},
    "file_edit": {"path": "{}/a.txt", "edits": [{"old": "a", "new": "b"}]},
    "file_move": {"path": "{}/a.txt", "new_path": "{}/b.txt"},
    "git_status": {"path": "{}/repo"},
    "git_diff": {"path": "{}/repo"},
    "git_log": {"path": "{}/repo"},
    "git_branch": {"path": "{}/repo"},
    "git_commit": {"path": "{}/repo", "message": "m"},
}


def tree(root: Path) -> None:
    for folder in ("course", "secret"):
        repository(root / folder / "repo", a__txt="a")
        (root / folder / "a.txt").write_text(f"a in {folder}")
        (root / folder / "repo" / "a.txt").write_text("changed")


@pytest.mark.parametrize("tool", sorted(CALLS))
async def test_a_narrow_token_uses_only_its_own_paths(root: Bench, tool: str) -> None:
    tree(root.root)

    def at(folder: str) -> dict[str, Any]:
        return {
            key: value.format(folder) if isinstance(value, str) else value
            for key, value in CALLS[tool].items()
        }

    assert (await root.refused(tool, COURSE, **at("secret"))).code == "forbidden"
    assert (await root.refused(tool, COURSE, **at("course/../secret"))).code == "forbidden"
    await root.do(tool, COURSE, **at("course"))
    assert (root.root / "secret/a.txt").read_text() == "a in secret"
    assert git(root.root / "secret/repo", "log", "--format=%s") == "first"


async def test_a_narrow_token_does_not_clone_delete_or_move_elsewhere(root: Bench) -> None:
    tree(root.root)
    url = "https://example.org/x.git"
    for call in ({"url": url}, {"url": url, "path": "secret/x"}):
        assert (await root.refused("git_clone", COURSE, **call)).code == "forbidden"
    move = {"path": "course/a.txt", "new_path": "secret/b.txt"}
    assert (await root.refused("file_move", COURSE, **move)).code == "forbidden"
    error = await root.refused("file_delete", COURSE, path="secret/a.txt")
    assert error.code == "forbidden"
    assert (root.root / "secret/a.txt").exists()


async def test_a_repository_is_more_than_its_own_name(root: Bench) -> None:
    tree(root.root)
    assert (await root.refused("git_diff", narrow("course/repo"), path="course/repo")).code == (
        "forbidden"
    )
    await root.do("git_diff", narrow("course/repo/*"), path="course/repo")


async def test_no_link_leads_a_narrow_token_elsewhere(root: Bench) -> None:
    tree(root.root)
    (root.root / "course/link").symlink_to("../secret")
    (root.root / "course/file.txt").symlink_to("../secret/a.txt")
    for path in ("course/link/a.txt", "course/file.txt"):
        assert (await root.refused("file_read", COURSE, path=path)).code == "forbidden"
    error = await root.refused("file_write", COURSE, path="course/link/a.txt", content="x")
    assert error.code == "forbidden"
    assert await root.names("course/link", principal=COURSE) == []
    found = await root.do("file_search", COURSE, pattern="secret", path="course")
    assert found["matches"] == []
    assert await root.text("course/file.txt") == "a in secret"  # who may read both may follow it


async def test_lists_and_searches_leave_out_what_a_token_may_not_see(root: Bench) -> None:
    tree(root.root)
    seen = await root.names(recursive=True, principal=COURSE)
    assert "course/a.txt" in seen
    assert not [path for path in seen if path.startswith("secret")]
    found = await root.do("file_search", COURSE, pattern="a in")
    assert [each["path"] for each in found["matches"]] == ["course/a.txt"]
    found = await root.do("file_search", COURSE, glob="*.txt", path="secret")
    assert found["matches"] == []


async def test_in_a_sandbox_a_path_is_no_path_of_the_root(root: Bench, box: Bench) -> None:
    await box.do("file_write", path="course/a.txt", content="inside")
    for tool in ("file_read", "file_write", "git_status"):
        call = {key: str(value).format("course") for key, value in CALLS[tool].items()}
        error = await box.refused(tool, COURSE, **call)
        assert error.code == "forbidden"  # it is good for files of the root only
    tree(root.root)
    error = await box.refused("file_upload", COURSE, root_path="secret/a.txt")
    assert error.code == "forbidden"
    error = await box.refused(
        "file_download", COURSE, sandbox_path="course/a.txt", root_path="secret/b.txt"
    )
    assert error.code == "forbidden"
    for tool in ("git_session_start", "git_session_apply", "git_session_discard"):
        error = await box.refused(tool, COURSE, root_path="secret/repo", sandbox_path="x")
        assert error.code == "forbidden"
    assert sorted(path.name for path in (root.root / "secret").iterdir()) == ["a.txt", "repo"]


async def test_rules_for_some_paths_hold_below_folders_too(tmp_path: Path) -> None:
    rule = {"deny": {"resource": ["hidden/*", "repo/keys*"]}}
    policy = tmp_path / "policy.yaml"
    roles = {"agent": {"extends": ["operator"], "rules": [rule]}}
    who = [{"who": "token:narrow", "roles": ["agent"]}]
    policy.write_text(
        json.dumps({"version": 1, "roles": roles, "default": ["agent"], "subjects": who})
    )
    async with workshop(tmp_path, **settings(policy_file=str(policy))) as shop:
        root = Bench(shop)
        repository(root.root / "repo", keys__txt="k", a__txt="a")
        (root.root / "repo/keys.txt").write_text("changed key")
        (root.root / "repo/a.txt").write_text("changed a")
        (root.root / "hidden").mkdir()
        (root.root / "hidden/a.txt").write_text("a changed thing")
        agent = narrow()
        assert (await root.refused("file_read", agent, path="hidden/a.txt")).code == "forbidden"
        found = await root.do("file_search", agent, pattern="changed")
        assert [each["path"] for each in found["matches"]] == ["repo/a.txt"]
        diff = await root.do("git_diff", agent, path="repo")
        assert [each["path"] for each in diff["files"]] == ["a.txt"]
        assert "key" not in diff["diff"]
        status = await root.do("git_status", agent, path="repo")
        assert [each["path"] for each in status["changes"]] == ["a.txt"]
        error = await root.refused("file_move", agent, path="repo", new_path="mine")
        assert error.code == "forbidden"


async def test_who_may_read_no_file_finds_none_by_other_tools(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    roles = {"agent": {"extends": ["operator"], "rules": [{"deny": {"tool": ["file_read"]}}]}}
    who = [{"who": "token:narrow", "roles": ["agent"]}]
    policy.write_text(
        json.dumps({"version": 1, "roles": roles, "default": ["agent"], "subjects": who})
    )
    async with workshop(tmp_path, **settings(policy_file=str(policy))) as shop:
        root, agent = Bench(shop), narrow()
        repository(root.root / "repo", a__txt="a")
        (root.root / "repo/a.txt").write_text("changed a")
        assert (await root.refused("file_read", agent, path="repo/a.txt")).code == "forbidden"
        assert (await root.do("file_search", agent, pattern="changed"))["matches"] == []
        assert (await root.do("git_diff", agent, path="repo"))["diff"] == ""


async def test_a_session_brings_no_file_back_that_its_caller_may_not_write(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    rule = {"deny": {"tool": ["file_write"], "resource": ["repo/keys*"]}}
    roles = {"agent": {"extends": ["operator"], "rules": [rule]}}
    who = [{"who": "token:narrow", "roles": ["agent"]}]
    policy.write_text(
        json.dumps({"version": 1, "roles": roles, "default": ["agent"], "subjects": who})
    )
    async with workshop(tmp_path, **settings(policy_file=str(policy))) as shop:
        root, agent = Bench(shop), narrow()
        repository(root.root / "repo", keys__txt="k\n", a__txt="a\n")
        made = await root.do("sandbox_create", agent)
        box = Bench(shop, made["sandbox_id"])
        await box.do("git_session_start", agent, root_path="repo")
        await box.do("file_write", agent, path="repo/keys.txt", content="mine\n")
        await box.do("git_commit", agent, path="repo", message="take over")
        ends = {"root_path": "repo", "sandbox_path": "repo"}
        error = await box.refused("git_session_apply", agent, **ends)
        assert error.code == "forbidden"
        assert (root.root / "repo/keys.txt").read_text() == "k\n"
        await box.do("git_session_apply", agent, **ends, mode="branch")
        assert (root.root / "repo/keys.txt").read_text() == "k\n"
