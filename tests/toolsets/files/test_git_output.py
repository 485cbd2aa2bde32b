"""What git prints for programs, of any names and of anything that is not what it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files import git_output
from jupyter_mcp.toolsets.files.git_names import branch_of, remote_of, revision_of
from support.git_server import git, repository

ODD = "a\tb\n\"c'  ü.txt"


@given(st.binary(max_size=400))
def test_no_output_breaks_the_readers(output: bytes) -> None:
    git_output.status(output)
    git_output.commits(output)
    git_output.numstat(output)
    git_output.names(output)


@given(
    st.lists(st.sampled_from(["1 ", "2 ", "u ", "? ", "# branch.", "ab +1 -x", "\0", "\t", "x"]))
)
def test_no_half_line_breaks_them(parts: list[str]) -> None:
    output = "".join(parts).encode()
    git_output.status(output)
    git_output.numstat(output)


def test_odd_names_renames_and_conflicts_are_read(tmp_path: Path) -> None:
    repo = repository(tmp_path / "r", old__txt="line\n" * 20, b__txt="b\n")
    (repo / ODD).write_text("x")
    git(repo, "mv", "old.txt", "new name.txt")
    (repo / "new name.txt").write_text("line\n" * 21)
    output = git(repo, "status", "--porcelain=v2", "-z", "--branch").encode()
    found = git_output.status(output)
    assert found.branch == "main"
    changes = {each.path: each for each in found.changes}
    assert changes["new name.txt"].old_path == "old.txt"
    assert (changes["new name.txt"].staged, changes["new name.txt"].unstaged) == ("R", "M")
    assert changes[ODD].unstaged == "?"
    numbers = git_output.numstat(git(repo, "diff", "HEAD", "-M", "--numstat", "-z").encode())
    assert [(each.path, each.old_path, each.added) for each in numbers] == [
        ("new name.txt", "old.txt", 1)
    ]


def test_a_conflict_is_told_as_one(tmp_path: Path) -> None:
    repo = repository(tmp_path / "r", a__txt="a\n")
    git(repo, "switch", "-q", "-c", "x")
    (repo / "a.txt").write_text("x\n")
    git(repo, "commit", "-qam", "x")
    git(repo, "switch", "-q", "main")
    (repo / "a.txt").write_text("y\n")
    git(repo, "commit", "-qam", "y")
    with pytest.raises(AssertionError):
        git(repo, "merge", "x")
    found = git_output.status(git(repo, "status", "--porcelain=v2", "-z").encode())
    assert [(each.path, each.is_conflict) for each in found.changes] == [("a.txt", True)]


@given(st.text(max_size=60))
def test_what_passes_as_a_branch_is_no_option_and_no_range(name: str) -> None:
    try:
        branch_of(name)
    except ToolError:
        return
    assert not name.startswith("-")
    assert ".." not in name
    assert not set(name) & set(" ~^:?*[\\\x7f\n")


@given(st.text(max_size=60))
def test_what_passes_as_a_revision_is_no_option(text: str) -> None:
    try:
        revision_of(text)
    except ToolError:
        return
    assert not text.startswith("-")
    assert not set(text) & set(" ;:|&$\n\0")


@pytest.mark.parametrize(
    ("url", "origin", "name"),
    [
        ("https://GitHub.com/a/b.git", "https://github.com", "b"),
        ("https://x.org:443/a b".replace(" ", "-"), "https://x.org", "a-b"),
        ("http://x.org:8080/", "http://x.org:8080", "repository"),
        ("https://[::1]:8/..git", "https://[::1]:8", "repository"),
    ],
)
def test_addresses_are_told_apart(url: str, origin: str, name: str) -> None:
    remote = remote_of(url)
    assert (remote.origin, remote.name) == (origin, name)
