from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.walking.ignoring import Patterns
from jupyter_mcp.toolsets.search.walking.rules import Rules
from support.projects import git_ignored, project

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    f"{folder}{name}"
    for folder in ("", "a/", "b/", "a/b/", "a/b/c/", "a b/")
    for name in ("x.py", "x.pxd", "a", "c.log", "a b", "[x]", "!x", "é.md")
    if f"{folder}{name}" not in {"a", "a b", "a/b"}
]
PARTS = st.sampled_from(
    [
        *("a", "b", "c", "x.py", "*.pxd", "*", "**", "?", "x.*", "[ax]*", "[!a]", "a b", "*.l?g"),
        *("[", "[]x]", r"\!x", r"\[x\]", "[a-c]", "[[:alpha:]]", "c.log", "*c*", "a**b", "[^a]*"),
    ]
)
PATTERN = st.builds(
    lambda sign, start, parts, end: sign + start + "/".join(parts) + end,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " ", r"\ "]),
).filter(lambda pattern: "[/" not in pattern)  # a bracket over two folders: nobody writes that


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    return project(folder, dict.fromkeys(FILES, ""))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PATTERN, max_size=5), st.lists(PATTERN, max_size=3))
def test_ignores_what_git_ignores(tree: Path, patterns: list[str], nested: list[str]) -> None:
    (tree / ".gitignore").write_text("\n".join(patterns))
    (tree / "a" / ".gitignore").write_text("\n".join(nested))
    shutil.rmtree(tree / ".git", ignore_errors=True)
    expected = git_ignored(tree, FILES)
    rules = Rules(tree)
    found = {path for path in FILES if rules.reason(path, False) == "ignored by .gitignore"}
    assert found == expected


def test_patterns_without_any_are_false() -> None:
    assert not Patterns(["", "# only a comment", "   "])
    assert Patterns(["*.log"])


def test_the_last_pattern_decides() -> None:
    patterns = Patterns(["*.log", "!keep.log"])
    assert patterns.verdict("a/x.log", "x.log", is_dir=False) is True
    assert patterns.verdict("a/keep.log", "keep.log", is_dir=False) is False
    assert patterns.verdict("a/x.py", "x.py", is_dir=False) is None
