from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from secrets import token_bytes

from jupyter_mcp.security.private_file import is_private, read_or_create, replace


def test_many_at_once_end_up_with_one(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(read_or_create, file, partial(token_bytes, 8)) for _ in range(32)]
    assert len({each.result() for each in made}) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["key"]
    assert is_private(file)


def test_a_file_is_replaced_in_one_step_and_stays_private(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    assert not is_private(file)
    replace(file, b"new")
    assert file.read_bytes() == b"new"
    assert is_private(file)
