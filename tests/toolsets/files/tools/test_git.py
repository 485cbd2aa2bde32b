"""The git tools against a real server over HTTP, in the Jupyter root and in a sandbox."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.file_benches import Bench, settings
from support.git_server import GitServer, git, repository
from support.workshops import workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "ghp_VerySecretTokenOfTheTests"


@pytest.fixture(autouse=True)
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The account's own configuration of git, which says nothing yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    return tmp_path / ".gitconfig"


@pytest_asyncio.fixture(loop_scope="module")
async def known(tmp_path: Path, git_server: GitServer) -> AsyncIterator[Bench]:
    """A root whose administrator named the git server and a secret for it."""
    credentials = ((git_server.origin, "${secret:forge}"),)
    async with workshop(tmp_path, **settings(git_credentials=credentials)) as shop:
        await shop.runtime.trust.secrets.set("forge", TOKEN)
        yield Bench(shop)


async def seeded(bench: Bench, path: str = "repo") -> None:
    """Make a repository in a place, by a person's own git."""
    runtime = bench.shop.runtime
    if not bench.sandbox_id:
        repository(bench.root / path, a__txt="one\n")
        return
    place = await runtime.host.neighbours.place(bench.sandbox_id, None)
    await place.write(f"{path}/a.txt", b"one\n")
    script = (
        "git init -q -b main && git add -A && "
        "git -c user.name=Ann -c user.email=ann@example.org commit -q -m first"
    )
    done = await place.run(["sh", "-c", script], cwd=path)
    assert done.exit_code == 0, done.stderr


async def test_changes_are_told_committed_and_listed(bench: Bench) -> None:
    await seeded(bench)
    status = await bench.do("git_status", path="repo")
    assert (status["branch"], status["changes"]) == ("main", [])
    await bench.do("file_write", path="repo/a.txt", content="two\n")
    await bench.do("file_write", path="repo/neu ä.txt", content="new\n")
    status = await bench.do("git_status", path="repo")
    told = {each["path"]: each["unstaged"] for each in status["changes"]}
    assert told == {"a.txt": "M", "neu ä.txt": "?"}
    diff = await bench.do("git_diff", path="repo")
    assert "-one\n+two\n" in diff["diff"]
    assert diff["files"] == [{"path": "a.txt", "old_path": "", "added": 1, "removed": 1}]
    assert diff["untracked"] == ["neu ä.txt"]
    commit = await bench.do("git_commit", path="repo", message="Say two\n\nBecause.")
    assert commit["subject"] == "Say two"
    assert commit["author"] == "owner"
    log = await bench.do("git_log", path="repo", limit=1)
    assert log["commits"][0]["id"] == commit["id"]
    assert log["next_skip"] == 1
    rest = await bench.do("git_log", path="repo", skip=1)
    assert [each["subject"] for each in rest["commits"]] == ["first"]
    diff = await bench.do("git_diff", path="repo", revision="HEAD~1..HEAD", paths=["a.txt"])
    assert [each["path"] for each in diff["files"]] == ["a.txt"]
    error = await bench.refused("git_commit", path="repo", message="again")
    assert error.code == "conflict"


async def test_the_account_signs_if_it_has_a_name_and_nothing_else_of_it_counts(
    root: Bench, account: Path, tmp_path: Path
) -> None:
    await seeded(root)
    made = tmp_path / "made"
    trap = f"!touch {made}"
    account.write_text(  # noqa: ASYNC240 - a small file of the test
        f"[user]\nname = Ann Bo\nemail = ann@example.org\n[credential]\nhelper = {trap}\n"
        f'[core]\nfsmonitor = touch {made}\n[filter "f"]\nclean = touch {made}; cat\n'
    )
    await root.do("file_write", path="repo/a.txt", content="two\n")
    attributes = root.root / "repo/.gitattributes"
    attributes.write_text("*.txt filter=f\n")
    commit = await root.do("git_commit", path="repo", message="m")
    assert (commit["author"], commit["email"]) == ("Ann Bo", "ann@example.org")
    assert not made.exists()


async def test_some_paths_are_committed_and_branches_made(bench: Bench) -> None:
    await seeded(bench)
    await bench.do("file_write", path="repo/a.txt", content="two\n")
    await bench.do("file_write", path="repo/b.txt", content="b\n")
    made = await bench.do("git_branch", path="repo", name="work/one", create=True)
    assert made["current"] == "work/one"
    await bench.do("git_commit", path="repo", message="only b", paths=["b.txt"])
    status = await bench.do("git_status", path="repo")
    assert [each["path"] for each in status["changes"]] == ["a.txt"]
    await bench.do("git_commit", path="repo", message="a too")
    branches = await bench.do("git_branch", path="repo", name="main")
    assert branches["current"] == "main"
    assert set(branches["branches"]) == {"main", "work/one"}
    assert await bench.text("repo/a.txt") == "one\n"


@pytest.mark.parametrize(
    "call",
    [
        {"tool": "git_diff", "revision": "--output=/tmp/x"},
        {"tool": "git_diff", "revision": "HEAD;ls"},
        {"tool": "git_log", "revision": "--all"},
        {"tool": "git_branch", "name": "--orphan", "create": True},
        {"tool": "git_branch", "name": "a..b", "create": True},
        {"tool": "git_branch", "name": "x", "create": True, "start": "-f"},
        {"tool": "git_commit", "message": " "},
        {"tool": "git_diff", "paths": ["../../etc"]},
        {"tool": "git_push", "remote": "--receive-pack=sh"},
    ],
    ids=str,
)
async def test_no_argument_is_taken_for_an_option(bench: Bench, call: dict[str, Any]) -> None:
    await seeded(bench)
    call = dict(call)
    error = await bench.refused(call.pop("tool"), path="repo", **call)
    assert error.code == "invalid_arguments"


async def test_where_no_repository_is_or_only_a_part_of_one(bench: Bench) -> None:
    await seeded(bench)
    await bench.do("file_write", path="repo/sub/x.txt", content="x")
    await bench.do("file_write", path="plain/x.txt", content="x")
    assert (await bench.refused("git_status", path="plain")).code == "not_found"
    error = await bench.refused("git_status", path="repo/sub")
    assert "'repo'" in error.remedy
    assert (await bench.refused("git_status", path="none")).code == "not_found"


async def test_a_clone_is_changed_pushed_and_pulled(known: Bench, git_server: GitServer) -> None:
    url = git_server.add("lib", a__txt="one\n")
    cloned = await known.do("git_clone", url=url)
    assert (cloned["path"], cloned["branch"], cloned["upstream"]) == ("lib", "main", "origin/main")
    assert await known.text("lib/a.txt") == "one\n"
    await known.do("file_write", path="lib/b.txt", content="mine\n")
    await known.do("git_commit", path="lib", message="mine")
    pushed = await known.do("git_push", path="lib")
    assert pushed["branch"] == "main"
    assert git_server.log("lib") == ["mine", "first"]
    git_server.commit("lib", c__txt="theirs\n")
    pulled = await known.do("git_pull", path="lib")
    assert (pulled["ahead"], pulled["behind"]) == (0, 0)
    assert await known.text("lib/c.txt") == "theirs\n"
    git_server.commit("lib", d__txt="more\n")
    await known.do("file_write", path="lib/e.txt", content="mine\n")
    await known.do("git_commit", path="lib", message="mine again")
    error = await known.refused("git_push", path="lib")
    assert (error.code, "git_pull" in error.remedy) == ("conflict", True)
    error = await known.refused("git_pull", path="lib")
    assert (error.code, "merge=true" in error.remedy) == ("conflict", True)
    await known.do("git_pull", path="lib", merge=True)
    await known.do("git_push", path="lib")
    assert git_server.log("lib")[0] == "Merge origin/main"


async def test_a_conflict_changes_nothing(known: Bench, git_server: GitServer) -> None:
    await known.do("git_clone", url=git_server.add("lib", a__txt="one\n"))
    git_server.commit("lib", a__txt="theirs\n")
    await known.do("file_write", path="lib/a.txt", content="mine\n")
    error = await known.refused("git_pull", path="lib")
    assert (error.code, "git_commit" in error.remedy) == ("conflict", True)
    await known.do("git_commit", path="lib", message="mine")
    error = await known.refused("git_pull", path="lib", merge=True)
    assert error.code == "conflict"
    assert error.data["files"] == ["a.txt"]
    assert await known.text("lib/a.txt") == "mine\n"
    assert (await known.do("git_status", path="lib"))["changes"] == []


async def test_the_token_logs_in_and_is_seen_nowhere(
    known: Bench, git_server: GitServer, tmp_path: Path
) -> None:
    git_server.login = f"x-access-token:{TOKEN}"
    url = git_server.add("private", a__txt="one\n")
    spy = spying_git(tmp_path)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{spy.parent}:{before}"
    try:
        results = [await known.ask("git_clone", url=url)]
        await known.do("file_write", path="private/b.txt", content="x")
        results += [await known.ask("git_commit", path="private", message="m")]
        results += [await known.ask("git_push", path="private")]
        git_server.login = "x:another"
        results += [await known.ask("git_pull", path="private")]
    finally:
        os.environ["PATH"] = before
    assert [result.is_error for result in results] == [False, False, False, True]
    assert f"x-access-token:{TOKEN}" in git_server.seen
    arguments = (spy.parent / "argv").read_text()
    assert "clone" in arguments
    assert "push" in arguments
    assert TOKEN not in arguments
    assert TOKEN not in json.dumps([result.to_json() for result in results])
    for file in (known.root / "private/.git").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()
    await known.shop.runtime.trust.audit.flush()
    for file in (tmp_path / "state").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file
    error = results[-1].error
    assert error is not None
    assert (error.code, "git_credentials" in error.remedy) == ("forbidden", True)


async def test_another_host_never_gets_the_token(
    known: Bench, git_server: GitServer, tmp_path: Path
) -> None:
    with GitServer(tmp_path / "other", login="some:body") as other:
        url = other.add("lib")
        git_server.redirect = other.origin
        asked = f"{git_server.origin}/lib.git"
        error = await known.refused("git_clone", url=asked)
        assert error.code == "invalid_arguments"
        assert other.seen == []
        git_server.redirect = ""
        await known.do("git_clone", url=git_server.add("mine"))
        git(known.root / "mine", "remote", "set-url", "origin", url)
        error = await known.refused("git_pull", path="mine")
        assert error.code == "forbidden"  # a private address that no administrator named
        assert other.seen == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://ann:pw@example.org/x.git", "invalid_arguments"),
        ("ext::sh -c id", "invalid_arguments"),
        ("file:///etc", "invalid_arguments"),
        ("/etc", "invalid_arguments"),
        ("--upload-pack=sh", "invalid_arguments"),
        ("git@example.org:x.git", "invalid_arguments"),
        ("http://127.0.0.1:1/x.git", "forbidden"),
        ("http://169.254.169.254/x.git", "forbidden"),
        ("http://[::ffff:10.0.0.1]/x.git", "forbidden"),
    ],
)
async def test_addresses_that_the_host_does_not_talk_to(root: Bench, url: str, code: str) -> None:
    error = await root.refused("git_clone", url=url)
    assert error.code == code
    assert "pw" not in str(error)
    assert await root.names() == []


async def test_a_clone_that_fails_leaves_nothing(known: Bench, git_server: GitServer) -> None:
    error = await known.refused("git_clone", url=f"{git_server.origin}/none.git")
    assert error.code == "not_found"
    assert await known.names() == []
    await known.do("file_write", path="lib/x.txt", content="x")
    error = await known.refused("git_clone", url=git_server.add("lib"))
    assert error.code == "conflict"
    assert await known.names(recursive=True) == ["lib", "lib/x.txt"]


async def test_a_sandbox_without_network_says_what_it_needs(box: Bench) -> None:
    error = await box.refused("git_clone", url="https://example.org/x.git")
    assert error.code == "unavailable"
    assert "network=true" in error.remedy
    assert "sandbox_domains" in error.remedy
    assert await box.names() == []


async def test_nothing_that_a_repository_names_is_run(root: Bench, tmp_path: Path) -> None:
    """Hooks, filters, diff and merge programs, monitors and editors of a hostile repository."""
    made = tmp_path / "made"
    trap = f"touch {made}; cat"
    repo = repository(root.root / "repo", a__txt="one\n")
    (repo / ".gitattributes").write_text("*.txt filter=trap diff=trap merge=trap\n")
    for hook in ("pre-commit", "post-checkout", "post-merge", "post-commit", "commit-msg"):
        (repo / ".git/hooks").mkdir(exist_ok=True)
        file = repo / ".git/hooks" / hook
        file.write_text(f"#!/bin/sh\n{trap} </dev/null\n")
        file.chmod(0o755)
    for key in (
        "filter.trap.clean",
        "filter.trap.smudge",
        "filter.trap.process",
        "diff.trap.command",
        "diff.trap.textconv",
        "merge.trap.driver",
        "core.fsmonitor",
        "core.editor",
        "core.pager",
        "core.askPass",
        "diff.external",
        "gpg.program",
    ):
        git(root.root, "config", "--file", str(repo / ".git/config"), key, trap)
    for key in ("filter.trap.required", "commit.gpgSign", "log.showSignature"):
        git(root.root, "config", "--file", str(repo / ".git/config"), key, "true")
    await root.do("file_write", path="repo/a.txt", content="two\n")
    await root.do("git_status", path="repo")
    await root.do("git_diff", path="repo")
    await root.do("git_commit", path="repo", message="two")
    await root.do("git_branch", path="repo", name="x", create=True, start="HEAD~1")
    await root.do("git_branch", path="repo", name="main")
    await root.do("git_log", path="repo")
    assert not made.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url.https://evil.example/.insteadOf", "https://github.com/"),
        ("include.path", "/tmp/evil"),
        ("core.sshCommand", "id"),
        ("core.worktree", "/"),
        ("http.proxy", "http://evil.example"),
        ("credential.helper", "!id"),
        ("remote.origin.uploadpack", "id"),
        ("extensions.partialClone", "elsewhere"),
        ("fetch.bundleURI", "http://127.0.0.1/"),
        ("bundle.a.uri", "http://127.0.0.1/"),
        ("transfer.bundleURI", "true"),
    ],
)
async def test_configuration_that_leads_elsewhere_is_refused(
    root: Bench, key: str, value: str
) -> None:
    repo = repository(root.root / "repo")
    git(root.root, "config", "--file", str(repo / ".git/config"), key, value)
    error = await root.refused("git_status", path="repo")
    assert error.code == "forbidden"


async def test_a_remote_leads_to_one_address_which_is_the_one_that_was_checked(
    known: Bench, git_server: GitServer, tmp_path: Path
) -> None:
    url = git_server.add("one", a__txt="one\n")
    with GitServer(tmp_path / "elsewhere") as other:
        await known.do("git_clone", url=url)
        config = known.root / "one/.git/config"
        before = config.read_text()
        more: dict[str, tuple[str, ...]] = {
            "git_push": ("remote.origin.url", f"{other.origin}/one.git"),
            "git_pull": ("remote.elsewhere.promisor", "true"),
        }
        for tool, (key, value) in more.items():
            config.write_text(before)
            git(known.root, "config", "--add", "--file", str(config), key, value)
            error = await known.refused(tool, path="one")
            assert error.code == "forbidden", error
        assert other.seen == []


async def test_a_repository_whose_data_lies_elsewhere_is_refused(
    root: Bench, tmp_path: Path
) -> None:
    outside = repository(tmp_path / "outside")
    (root.root / "linked").mkdir()
    (root.root / "linked/.git").write_text(f"gitdir: {outside}/.git\n")
    (root.root / "second").mkdir()
    (root.root / "second/.git").symlink_to(outside / ".git")
    git(tmp_path, "clone", "-q", "--bare", str(outside), str(root.root / "bare"))
    for path in ("linked", "bare"):
        assert (await root.refused("git_status", path=path)).code in {"forbidden", "not_found"}
    assert (await root.refused("git_log", path="second")).code == "forbidden"
    repository(tmp_path / "above")
    assert (await root.refused("git_status", path="")).code == "not_found"


def spying_git(folder: Path) -> Path:
    """Make a program that stands before git and writes down its arguments."""
    real = next(
        path for each in os.environ["PATH"].split(":") if (path := Path(each) / "git").exists()
    )
    spy = folder / "spy" / "git"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\necho "$0 $@" >> {spy.parent}/argv\nexec {real} "$@"\n')
    spy.chmod(0o755)
    return spy
