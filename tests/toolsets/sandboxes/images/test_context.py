from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.context import Context, read_text


def tar_of(context: Context) -> tarfile.TarFile:
    target = io.BytesIO()
    context.write(target, lambda: None)
    target.seek(0)
    return tarfile.open(fileobj=target)


def names_of(folder: Path, *, hidden: bool = False) -> set[str]:
    with tar_of(Context(folder, hidden, {})) as tar:
        return set(tar.getnames())


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        place = folder / name.replace("__", "/").replace("_dot_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def test_links_go_in_as_links_and_what_they_lead_to_stays_outside(tmp_path: Path) -> None:
    secret = tmp_path / "outside"
    write(secret, key="secret")
    folder = tmp_path / "project"
    write(folder, a="1")
    (folder / "file").symlink_to(secret / "key")
    (folder / "folder").symlink_to(secret)
    with tar_of(Context(folder, True, {})) as tar:
        assert tar.getmember("file").issym()
        assert tar.getmember("folder").issym()
        assert set(tar.getnames()) == {"a", "file", "folder"}
        assert all(b"secret" not in data for data in _contents(tar))


def test_what_is_no_file_is_left_out_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path, a="1")
    assert names_of(tmp_path) == {"a"}


def test_dockerignore_is_honoured_with_its_exceptions(tmp_path: Path) -> None:
    write(tmp_path, a_dot_py="1", data__big="x", data__keep="x", node_modules__x="x")
    (tmp_path / ".dockerignore").write_text("# a comment\ndata\n!data/keep\n**/node_modules\n")
    assert names_of(tmp_path) & {"a.py", "data/big", "data/keep", "node_modules/x"} == {
        "a.py",
        "data/keep",
    }


def test_hidden_files_go_in_only_where_jupyter_shows_them(tmp_path: Path) -> None:
    write(tmp_path, a="1", _dot_env="SECRET=1", _dot_git__config="x")
    assert names_of(tmp_path) == {"a"}
    assert {".env", ".git/config"} <= names_of(tmp_path, hidden=True)


def test_a_folder_that_is_too_large_is_refused_with_the_remedy(tmp_path: Path) -> None:
    write(tmp_path, a="x" * 600, b="x" * 600)
    with pytest.raises(ToolError) as caught:
        Context(tmp_path, False, {}, most_bytes=1000).write(io.BytesIO(), lambda: None)
    assert caught.value.code == "too_large"
    assert ".dockerignore" in caught.value.remedy


def test_our_own_files_replace_those_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, Dockerfile="FROM evil")
    with tar_of(Context(tmp_path, True, {"Dockerfile": b"FROM ours"})) as tar:
        assert _contents(tar) == [b"FROM ours"]


def test_a_small_file_is_read_only_inside_the_folder(tmp_path: Path) -> None:
    write(tmp_path, secret="x", project__a="1")
    folder = tmp_path / "project"
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "inner").symlink_to("a")
    (folder / "binary").write_bytes(b"\xff\xfe")
    assert read_text(folder, "a") == "1"
    assert read_text(folder, "inner") == "1"
    assert read_text(folder, "none") is None
    for path in ("link", "../secret", "binary"):
        with pytest.raises(ToolError):
            read_text(folder, path)


def _contents(tar: tarfile.TarFile) -> list[bytes]:
    opened = [tar.extractfile(member) for member in tar.getmembers() if member.isfile()]
    return [each.read() for each in opened if each is not None]
