"""Paths and globs, on their text alone."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.paths import inside, matcher

PARTS = st.lists(st.sampled_from(["a", "b.txt", "..", ".", "", "ä b", "\0", "\ud800", "~"]))


@given(PARTS, st.booleans(), st.sampled_from(["", "/srv/root"]))
def test_no_spelling_leads_out(parts: list[str], full: bool, top: str) -> None:
    path = (top + "/" if full else "") + "/".join(parts)
    try:
        found = inside(path, top)
    except ToolError as error:
        str(error).encode()
        return
    assert not found.startswith(("/", "../"))
    assert found != ".."
    assert inside(found, top) == found
    assert posixpath.normpath(f"/srv/root/{found}").startswith("/srv/root")


@pytest.mark.parametrize(
    ("glob", "fits", "fails"),
    [
        ("*.py", ["a.py", "d/e/a.py"], ["a.pyc", "a.py/b"]),
        ("src/*.py", ["src/a.py"], ["src/d/a.py", "x/src/a.py", "a.py"]),
        ("src/**/*.py", ["src/a.py", "src/d/e/a.py"], ["a.py", "xsrc/a.py"]),
        ("**/test_?.py", ["test_a.py", "d/test_b.py"], ["test_ab.py"]),
        ("[!a]*.txt", ["b.txt", "d/b.txt"], ["a.txt"]),
        ("d/**", ["d/a", "d/b/c"], ["e/a"]),
        ("a+b(c).txt", ["a+b(c).txt"], ["aab(c).txt"]),
        ("[", ["["], ["a"]),
    ],
)
def test_globs_mean_what_people_mean(glob: str, fits: list[str], fails: list[str]) -> None:
    assert [path for path in fits if not matcher(glob).fullmatch(path)] == []
    assert [path for path in fails if matcher(glob).fullmatch(path)] == []


@given(st.text("*?[]!-a/.\\(", max_size=30), st.text("a/.", max_size=30))
def test_every_glob_is_understood_somehow(glob: str, path: str) -> None:
    matcher(glob).fullmatch(path)
