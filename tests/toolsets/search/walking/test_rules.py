from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.search.walking.rules import Rules
from support.projects import project


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("src/app.py", ""),
        ("src/token_bucket.py", ""),
        ("credentials.py", ""),
        (".pre-commit-config.yaml", ""),
        (".env.example", ""),
        (".github/workflows/ci.yml", ""),
        (".env", "may hold secrets"),
        ("deploy/.env.production", "may hold secrets"),
        ("ssh/id_rsa", "may hold secrets"),
        ("certs/server.PEM", "may hold secrets"),
        ("credentials.json", "may hold secrets"),
        (".hidden/x.py", "hidden folder"),
        ("node_modules/left/pad.js", "installed packages"),
        ("a/__pycache__/x.py", "made by programs"),
        ("static/app.min.js", "made by programs"),
        ("uv.lock", "made by programs"),
        ("data/table.csv", "data"),
        ("pictures/cat.PNG", "binary"),
    ],
)
def test_names_tell_what_is_left_out(tmp_path: Path, path: str, reason: str) -> None:
    assert Rules(tmp_path).reason(path, False) == reason


def test_a_virtual_environment_is_left_out_by_what_is_in_it(tmp_path: Path) -> None:
    project(tmp_path, {"env/pyvenv.cfg": "", "env/lib/x.py": "", "venv_tools/x.py": ""})
    rules = Rules(tmp_path)
    assert rules.reason("env", True) == "virtual environment"
    assert rules.reason("env/lib/x.py", False) == "virtual environment"
    assert rules.reason("venv_tools/x.py", False) == ""


def test_nested_patterns_take_back_what_outer_ones_ignore(tmp_path: Path) -> None:
    project(
        tmp_path,
        {".gitignore": "*.log\n/build/\n", "a/.gitignore": "!keep.log\n", "a/b/.gitignore": "*.md"},
    )
    rules = Rules(tmp_path)
    assert rules.reason("x.log", False) == "ignored by .gitignore"
    assert rules.reason("a/keep.log", False) == ""
    assert rules.reason("a/b/keep.log", False) == ""
    assert rules.reason("a/b/x.md", False) == "ignored by .gitignore"
    assert rules.reason("build/x.py", False) == "ignored by .gitignore"
    assert rules.reason("a/build/x.py", False) == ""


def test_patterns_of_the_repository_around_the_folder_hold(tmp_path: Path) -> None:
    project(
        tmp_path,
        {".gitignore": "/notebooks/drafts/\n*.tmp.py\n", "notebooks/drafts/x.py": "", "x": ""},
    )
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    (tmp_path / ".git/info/exclude").write_text("private.md\n")
    rules = Rules(tmp_path / "notebooks")
    assert rules.reason("drafts", True) == "ignored by .gitignore"
    assert rules.reason("a.tmp.py", False) == "ignored by .gitignore"
    assert rules.reason("deep/private.md", False) == "ignored by .gitignore"
    assert rules.reason("x.py", False) == ""


def test_a_repository_in_the_folder_has_its_own_patterns_only(tmp_path: Path) -> None:
    project(tmp_path, {".gitignore": "*.md\n", "inner/.gitignore": "*.rst\n"})
    for folder in (tmp_path, tmp_path / "inner"):
        subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    rules = Rules(tmp_path)
    assert rules.reason("x.md", False)
    assert not rules.reason("inner/x.md", False)
    assert rules.reason("inner/x.rst", False)


def test_a_work_tree_reads_the_exclude_file_of_its_repository(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    main = tmp_path / "main"
    subprocess.run([*git, "init", "-q", str(main)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=main, check=True)
    subprocess.run([*git, "worktree", "add", "-q", "../other"], cwd=main, check=True)
    (main / ".git/info/exclude").write_text("mine.md\n")
    assert Rules(tmp_path / "other").reason("mine.md", False) == "ignored by .gitignore"


def test_settings_leave_out_more(tmp_path: Path) -> None:
    rules = Rules(tmp_path, exclude=["legacy/", "*.gen.py"])
    assert rules.reason("legacy/x.py", False) == "excluded by the settings"
    assert rules.reason("a/x.gen.py", False) == "excluded by the settings"
    assert rules.reason("a/x.py", False) == ""


def test_a_gitignore_that_changed_is_read_after_forgetting(tmp_path: Path) -> None:
    rules = Rules(tmp_path)
    assert not rules.reason("x.md", False)
    project(tmp_path, {".gitignore": "*.md"})
    rules.forget()
    assert rules.reason("x.md", False)


def test_what_lies_behind_a_link_is_left_out(tmp_path: Path) -> None:
    project(tmp_path / "outside", {"x.py": ""})
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "outside")
    assert Rules(folder).reason("link/x.py", False) == "symbolic link"


def test_a_notebook_may_be_larger_than_a_file(tmp_path: Path) -> None:
    rules = Rules(tmp_path, file_bytes=2 << 20)
    assert rules.oversize("x.py", 3 << 20) == "larger than 2 MiB"
    assert rules.oversize("x.ipynb", 3 << 20) == ""
    assert rules.oversize("x.ipynb", 17 << 20) == "larger than 16 MiB"


def test_what_the_system_makes_is_left_out_of_a_whole_machine(tmp_path: Path) -> None:
    rules = Rules(Path("/"))
    assert rules.reason("proc", is_dir=True) == "made by the system"
    assert rules.reason("proc/1/status", is_dir=False) == "made by the system"
    assert rules.reason("home", is_dir=True) == ""
    (tmp_path / "proc").mkdir()
    assert Rules(tmp_path).reason("proc", is_dir=True) == ""
