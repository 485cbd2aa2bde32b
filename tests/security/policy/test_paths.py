from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.calls.places import is_place
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy import paths
from jupyter_mcp.security.policy.paths import (
    Globs,
    is_path_argument,
    normal_glob,
    normal_path,
)


@given(
    st.sampled_from(["path", "paths", "a_path", "a_paths", "pathology", "_path", "p"]) | st.text()
)
def test_arguments_are_paths_here_by_the_names_that_calls_know(name: str) -> None:
    assert is_path_argument(name) == is_place(name)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("course/../secret.ipynb", "secret.ipynb"),
        ("/course//a.ipynb", "course/a.ipynb"),
        ("./course/./a.ipynb/", "course/a.ipynb"),
        ("/srv/root/course/a.ipynb", "course/a.ipynb"),
        ("/srv/root/../../etc/x", "../etc/x"),
        ("cafe\u0301.ipynb", "caf\u00e9.ipynb"),
        ("", ""),
        ("/", ""),
    ],
)
def test_one_path_has_one_form(written: str, normal: str) -> None:
    if normal == "../etc/x":
        assert normal_path(written, "/srv/root").startswith("..")
    else:
        assert normal_path(written, "/srv/root") == normal


@given(st.text())
def test_the_form_is_stable_and_never_goes_up_inside(path: str) -> None:
    normal = normal_path(path)
    assert normal_path(normal) == normal
    assert ".." not in normal.lstrip("./").split("/") or normal.startswith("..")
    if not normal.startswith(".."):
        assert posixpath.normpath(f"/root/{normal}").startswith("/root")


def test_a_star_covers_folders_too() -> None:
    course = Globs(map(normal_glob, ["course/*"]))
    assert "course/sub/a.ipynb" in course
    assert "course2/a.ipynb" not in course
    assert "course" not in course
    assert "course/a" in Globs(map(normal_glob, ["/course/"]))


def test_folders_on_the_way_to_a_match_are_shown() -> None:
    globs = Globs(map(normal_glob, ["a/b/*", "note*.ipynb"]))
    assert globs.leads_to("")
    assert globs.leads_to("a")
    assert globs.leads_to("a/b/c")
    assert not globs.leads_to("x")
    assert not globs.leads_to("a/c")


def test_case_is_that_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    assert normal_path("Course/A.ipynb") != normal_path("course/a.ipynb") or paths.FOLDED
    monkeypatch.setattr(paths, "FOLDED", True)
    assert normal_path("Course/A.ipynb") in Globs([normal_glob("COURSE/*")])


def test_windows_reads_backslashes_and_drops_dots_at_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "WINDOWS", True)
    assert normal_path("course\\..\\secret.ipynb.") == "secret.ipynb"


@given(st.lists(st.text(max_size=20), max_size=5), st.text(max_size=20))
def test_any_glob_can_be_asked(patterns: list[str], path: str) -> None:
    try:
        globs = Globs(map(normal_glob, patterns))
    except re.error as error:  # a hint for whoever sees it
        raise AssertionError(patterns) from error
    assert (path in globs) in {True, False}
    assert all(pattern in globs for pattern in globs.patterns if not paths.is_wild(pattern))


def test_a_path_of_megabytes_is_refused_before_any_glob_looks_at_it() -> None:
    assert normal_path("a" * paths.PATH_LIMIT)
    with pytest.raises(ToolError, match="at most 4096 characters"):
        normal_path("a" * (paths.PATH_LIMIT + 1))
