from __future__ import annotations

import hashlib
import os
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.walking.reading import Unreadable, decode, read
from jupyter_mcp.toolsets.search.walking.times import changed_ns
from support.accounts import ordinary_account

if TYPE_CHECKING:
    from pathlib import Path

MB = 1 << 20


def reason(folder: Path, path: str, limit: int = MB) -> str:
    with pytest.raises(Unreadable) as caught:
        read(folder, path, limit)
    return caught.value.reason


def test_a_file_is_read_with_its_state(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_bytes("\ufeffname = 'Jörg'\r\n".encode())
    source = read(tmp_path, "x.py", MB)
    assert source.text == "name = 'Jörg'\r\n"
    assert source.digest == hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
    assert (source.size, source.mtime_ns) == (file.stat().st_size, changed_ns(file.stat()))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        ("#!/x\n# coding=cp1251\nя".encode("cp1251"), "#!/x\n# coding=cp1251\nя"),
        (b"caf\xe9\n", "café\n"),
        (b"# coding: no-such-thing\ncaf\xe9\n", "# coding: no-such-thing\ncafé\n"),
        (b"# coding: rot13\nabc\n", "# coding: rot13\nabc\n"),
        ("äöü ß é è".encode() + b"\xe9", "äöü ß é è\ufffd"),
        ("hello ☃".encode("utf-16"), "hello ☃"),
    ],
)
def test_no_file_is_lost_for_its_encoding(data: bytes, text: str) -> None:
    assert decode(data) == text


@given(st.binary(max_size=400))
def test_any_bytes_are_text_or_said_to_be_none(data: bytes) -> None:
    try:
        text = decode(data)
    except Unreadable as unreadable:
        assert unreadable.reason == "binary"  # noqa: PT017 - either is right
    else:
        assert "\0" not in text
        text.encode()


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "null.py").write_bytes(b"x = 1\n" * 5000 + b"\0")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("null.py")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "big").open("wb") as file:
        file.truncate(1 << 30)
    assert reason(tmp_path, "null.py") == "binary"
    assert reason(tmp_path, "gone.py") == "gone"
    assert reason(tmp_path, "gone\0.py").startswith("cannot be opened")
    assert reason(tmp_path, "folder") == "not a file"
    assert reason(tmp_path, "pipe") == "not a file"
    assert reason(tmp_path, "link") == "symbolic link"
    assert reason(tmp_path, "big") == "larger than 1 MiB"
    assert reason(tmp_path, "null.py", 100) == "larger than 100 bytes"


def test_a_file_without_permission_says_so() -> None:
    with ordinary_account() as folder:
        (folder / "x.py").write_text("")
        (folder / "x.py").chmod(0)
        assert reason(folder, "x.py") == "no permission"


def test_a_reason_survives_a_way_between_processes() -> None:
    assert pickle.loads(pickle.dumps(Unreadable("binary"))).reason == "binary"
