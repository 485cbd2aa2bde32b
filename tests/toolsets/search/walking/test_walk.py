from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from jupyter_mcp.toolsets.search.walking.rules import Rules
from jupyter_mcp.toolsets.search.walking.times import changed_ns
from jupyter_mcp.toolsets.search.walking.walk import walk
from support.accounts import ordinary_account
from support.projects import project


def paths(folder: Path, below: str = "") -> tuple[list[str], dict[str, str]]:
    skipped: dict[str, str] = {}
    found = walk(folder, Rules(folder), skipped.__setitem__, below)
    return [each.path for each in found], skipped


def test_files_come_sorted_with_what_is_known_of_them(tmp_path: Path) -> None:
    project(tmp_path, {"b/y.py": "1\n", "a.py": "", "b/x.py": "", "c/z.md": ""})
    found = list(walk(tmp_path, Rules(tmp_path)))
    assert [each.path for each in found] == ["a.py", "b/x.py", "b/y.py", "c/z.md"]
    assert found[2].size == 2
    assert found[2].mtime_ns == changed_ns((tmp_path / "b/y.py").stat())


def test_what_is_left_out_is_told_once_with_its_reason(tmp_path: Path) -> None:
    project(
        tmp_path,
        {
            ".gitignore": "*.log\n",
            "x.log": "",
            "node_modules/a/b.js": "",
            "node_modules/c.js": "",
            ".env": "",
            "env/pyvenv.cfg": "",
            "ok.py": "",
        },
    )
    os.mkfifo(tmp_path / "pipe")
    found, skipped = paths(tmp_path)
    assert found == [".gitignore", "ok.py"]
    assert skipped == {
        "x.log": "ignored by .gitignore",
        "node_modules": "installed packages",
        ".env": "may hold secrets",
        "env": "virtual environment",
        "pipe": "not a file",
    }


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    project(tmp_path, {"a/x.py": ""})
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    found, skipped = paths(tmp_path)
    assert found == ["a/x.py"]
    assert skipped == {"a/loop": "symbolic link", "self": "symbolic link"}


def test_a_folder_that_vanishes_meanwhile_is_not_there(tmp_path: Path) -> None:
    project(tmp_path, {"a/1.py": "", "b/2.py": "", "c/3.py": ""})
    walking = walk(tmp_path, Rules(tmp_path))
    first = next(walking)
    shutil.rmtree(tmp_path / "b")
    assert [first.path, *(each.path for each in walking)] == ["a/1.py", "c/3.py"]
    assert list(walk(tmp_path / "never", Rules(tmp_path / "never"))) == []


def test_a_sparse_file_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big.txt").open("wb") as file:
        file.truncate(1 << 30)
    assert paths(tmp_path) == ([], {"big.txt": "larger than 2 MiB"})


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("")
    found, skipped = paths(tmp_path)
    assert found == []
    assert list(skipped.values()) == ["its name is not UTF-8"]


def test_a_name_that_would_act_where_it_is_shown_is_told(tmp_path: Path) -> None:
    project(tmp_path, {"x\n1. src/evil.py": "", "\x1b[31mred.py": "", "naïve\u00a0.py": ""})
    found, skipped = paths(tmp_path)
    assert found == ["naïve\u00a0.py"]
    assert set(skipped.values()) == {"control characters in its name"}
    rules = Rules(tmp_path)
    assert rules.reason("\x1b[31mred.py", is_dir=False)  # as when it is only told of a change


def test_a_folder_without_permission_is_told() -> None:
    with ordinary_account() as folder:
        project(folder, {"a/x.py": "", "b.py": ""})
        (folder / "a").chmod(0)
        assert paths(folder) == (["b.py"], {"a": "no permission"})
        (folder / "a").chmod(0o700)


def test_only_a_part_is_walked(tmp_path: Path) -> None:
    project(tmp_path, {".gitignore": "*.md", "a/x.py": "", "a/y.md": "", "b/z.py": ""})
    assert paths(tmp_path, "a") == (["a/x.py"], {"a/y.md": "ignored by .gitignore"})


def test_two_thousand_files_take_a_moment(tmp_path: Path) -> None:
    patterns = "\n".join(f"name{n}\n*.suffix{n}\nbuild{n}/" for n in range(40))
    files = {f"p{n % 50}/file{n}.py": "" for n in range(2000)}
    project(tmp_path, {".gitignore": patterns, **files})
    best = 9.0
    for _ in range(5):
        begin = time.process_time()
        assert len(list(walk(tmp_path, Rules(tmp_path)))) == 2001
        best = min(best, time.process_time() - begin)
    assert best < 0.1  # 15 ms on an idle machine
