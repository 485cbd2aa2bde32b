"""Which folders are searched, and how their paths are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mcp.config import Settings
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.paths import normal_path
from jupyter_mcp.toolsets.search.sources import ROOT, named, normal, parted, sources_of


def settings(home: Path, **options: object) -> Settings:
    return Settings(state_dir=str(home / "state"), **options)  # type: ignore[arg-type]


def test_the_root_comes_first_and_others_have_their_name_in_front(tmp_path: Path) -> None:
    folders = (("library", str(tmp_path / "lib")),)
    root, library = sources_of(settings(tmp_path, search_folders=folders), tmp_path / "root")
    assert (root.name, root.told("a/b.py")) == (ROOT, "a/b.py")
    assert (library.name, library.told("a/b.py")) == ("library", "library:a/b.py")
    assert root.state != library.state


def test_a_path_leads_back_to_its_source(tmp_path: Path) -> None:
    found = sources_of(settings(tmp_path, search_folders=(("l", str(tmp_path)),)), tmp_path / "r")
    root, library = found
    for source in found:
        assert parted(source.told("a/b.py"), found) == (source, "a/b.py")
    assert parted("l:", found) == (library, "")
    assert parted("l/a.py", found) == (root, "l/a.py")
    assert parted("other:a.py", found) == (root, "other:a.py")
    assert parted(f"{tmp_path}/r/a.py", found) == (root, "a.py")
    assert parted("/a.py", found) == (root, "a.py")


def test_without_a_root_its_paths_lead_nowhere(tmp_path: Path) -> None:
    found = sources_of(settings(tmp_path, search_folders=(("l", str(tmp_path)),)), None)
    assert [each.name for each in found] == ["l"]
    assert parted("a.py", found) == (None, "a.py")


def test_closed_folders_below_a_source_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    closed = [root / "state/here", tmp_path / "elsewhere", root]
    [source] = sources_of(settings(tmp_path, search_exclude=("*.log",)), root, ["*~"], closed)
    assert source.exclude == ("*.log", "*~", "/state/here/")


def test_an_unknown_name_tells_those_that_there_are(tmp_path: Path) -> None:
    found = sources_of(settings(tmp_path), tmp_path)
    assert named(ROOT, found) is found[0]
    with pytest.raises(ToolError, match="There are: root"):
        named("nothing", found)


@pytest.mark.parametrize("path", ["../", "..", "/..", "src/../../x", "l:../x", "{top}/r/../x"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    found = sources_of(settings(tmp_path, search_folders=(("l", str(tmp_path)),)), tmp_path / "r")
    with pytest.raises(ToolError, match="leads out of the folder"):
        parted(path.format(top=tmp_path), found)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", ""),
        ("./", ""),
        ("/", ""),
        ("a/../b/", "b"),
        ("./src/*.py", "src/*.py"),
        ("..x", "..x"),
        ("a\\..\\b", "a\\..\\b"),
        (" a/b ", " a/b "),
    ],
)
def test_a_path_has_one_spelling_and_it_is_the_policys(path: str, told: str) -> None:
    assert normal(path) == told
    assert normal_path(path) == told
