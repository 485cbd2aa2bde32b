from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.lexical.filter import Filter


@pytest.mark.parametrize(
    ("path", "fitting", "other"),
    [
        ("src/[!a-c]eep/*.py", "src/deep/a.py", "src/beep/a.py"),
        ("app/[post-id]", "app/[post-id]/page.tsx", "app/p/page.tsx"),
        ("app/[post-id]/*.tsx", "app/[post-id]/page.tsx", "app/[post-id]/page.css"),
        ("app/[id]", "app/[id]/page.tsx", "app/x/page.tsx"),
        ("app/[id]/*.tsx", "app/[id]/page.tsx", "app/[id]/page.css"),
        ("app/[id]/*.tsx", "app/i/page.tsx", "app/id/page.tsx"),
        ("[!]", "a/[!]/b.py", "a/b.py"),
        ("[a--z]*", "[a--z].py", "~.py"),
        ("x[[|&&]y", "x&y", "xay"),
    ],
)
def test_a_set_of_a_glob_also_stands_for_itself(path: str, fitting: str, other: str) -> None:
    assert Filter(path).fits(fitting)
    assert not Filter(path).fits(other)


@given(st.text("[]!^-\\*?/ab&|~", max_size=12))
def test_every_path_is_a_filter_that_fits_the_file_of_its_name(path: str) -> None:
    wanted = Filter(path)
    assert wanted.fits(wanted.folder)
    assert wanted.fits(f"{wanted.folder}/a.py")
    wanted.fits("a/b")
