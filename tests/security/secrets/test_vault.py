from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.secrets import system_keyring
from jupyter_mcp.security.secrets.system_keyring import SecretKeyring
from jupyter_mcp.security.secrets.vault import VALUE_LIMIT, Vault

VALUE = "hunter2-correct-horse"


class Ring:
    """A keyring in memory; it stands for one that the test machine does not have."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


class Hanging(Ring):
    """A keyring that waits for a person to unlock it."""

    def __init__(self, until: threading.Event) -> None:
        super().__init__()
        self.until = until

    def get_password(self, service: str, name: str) -> str | None:
        self.until.wait()
        return super().get_password(service, name)


def filed(folder: Path) -> Vault:
    return Vault(folder, "file", clock=lambda: 1000.0)


def refusal(work: Any, *arguments: Any) -> ToolError:
    with pytest.raises(ToolError) as refused:
        work(*arguments)
    return refused.value


def test_a_value_comes_back_and_stands_nowhere_in_clear(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    filed(folder).set("DB.password-1", VALUE)
    assert filed(folder).get("DB.password-1") == VALUE
    (name,) = filed(folder).names()
    assert (name.name, name.store, name.at) == ("DB.password-1", "file", 1000.0)
    assert VALUE not in "".join(file.read_text() for file in folder.iterdir())
    assert VALUE not in repr(vars(filed(folder)))


def test_only_the_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    filed(folder).set("A", VALUE)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("file", ["key", "secrets.json"])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, file: str) -> None:
    filed(tmp_path).set("A", VALUE)
    (tmp_path / file).chmod(0o640)
    refused = refusal(filed(tmp_path).get, "A")
    assert refused.code == "forbidden"
    assert f"chmod 600 {tmp_path / file}" in refused.remedy


def test_a_key_behind_a_link_is_not_followed(tmp_path: Path) -> None:
    filed(tmp_path).set("A", VALUE)
    (tmp_path / "key").rename(tmp_path / "elsewhere")
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    assert refusal(filed(tmp_path).get, "A").code == "unavailable"


def test_a_lost_key_and_swapped_values_are_noticed(tmp_path: Path) -> None:
    filed(tmp_path).set("A", VALUE)
    filed(tmp_path).set("B", "another value")
    file = tmp_path / "secrets.json"
    content = json.loads(file.read_text())
    entries = content["secrets"]
    entries["A"]["value"], entries["B"]["value"] = entries["B"]["value"], entries["A"]["value"]
    file.write_text(json.dumps(content))
    assert refusal(filed(tmp_path).get, "A").code == "unavailable"
    (tmp_path / "key").unlink()
    assert refusal(filed(tmp_path).get, "A").code == "unavailable"
    file.write_text("{")
    assert "damaged" in refusal(filed(tmp_path).names).message


def test_what_is_deleted_is_gone(tmp_path: Path) -> None:
    filed(tmp_path).set("A", VALUE)
    filed(tmp_path).delete("A")
    assert refusal(filed(tmp_path).get, "A").code == "not_found"
    assert refusal(filed(tmp_path).delete, "A").code == "not_found"
    assert filed(tmp_path).names() == ()


@pytest.mark.parametrize("name", ["", "1A", "a b", "a/b", "-a", "a" * 129, "ä", "a\n"])
def test_odd_names_are_refused(tmp_path: Path, name: str) -> None:
    assert refusal(filed(tmp_path).set, name, VALUE).code == "invalid_arguments"


def test_empty_and_endless_values_are_refused_and_not_repeated(tmp_path: Path) -> None:
    assert "empty" in refusal(filed(tmp_path).set, "A", "").message
    refused = refusal(filed(tmp_path).set, "A", "v" * (VALUE_LIMIT + 1))
    assert "vvv" not in str(refused)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refusal(filed(tmp_path / "file" / "secrets").set, "A", VALUE).code == "unavailable"


def test_a_keyring_keeps_the_value_and_the_file_the_name(tmp_path: Path) -> None:
    ring = Ring()
    vault = Vault(tmp_path, "auto", SecretKeyring("ours", lambda: ring))
    assert vault.set("A", VALUE).store == "keyring"
    assert ring.kept == {("ours", "A"): VALUE}
    assert not (tmp_path / "key").exists()
    assert vault.get("A") == VALUE
    vault.delete("A")
    assert ring.kept == {}


def test_a_value_in_a_keyring_out_of_reach_is_told_from_none(tmp_path: Path) -> None:
    Vault(tmp_path, "auto", SecretKeyring("ours", Ring)).set("A", VALUE)
    away = Vault(tmp_path, "file", SecretKeyring("ours", lambda: None))
    refused = refusal(away.get, "A")
    assert refused.code == "unavailable"
    assert "keyring" in refused.message


def test_a_value_that_moves_to_the_file_leaves_the_keyring(tmp_path: Path) -> None:
    ring = Ring()
    Vault(tmp_path, "auto", SecretKeyring("ours", lambda: ring)).set("A", VALUE)
    Vault(tmp_path, "file", SecretKeyring("ours", lambda: ring)).set("A", "new value")
    assert ring.kept == {}
    assert filed(tmp_path).get("A") == "new value"


def test_a_keyring_that_hangs_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_keyring, "PROBE_SECONDS", 0.05)
    unlocked = threading.Event()
    try:
        vault = Vault(tmp_path, "auto", SecretKeyring("ours", lambda: Hanging(unlocked)))
        assert vault.set("A", VALUE).store == "file"
        must = Vault(tmp_path, "keyring", SecretKeyring("ours", lambda: Hanging(unlocked)))
        assert refusal(must.set, "A", VALUE).code == "unavailable"
    finally:
        unlocked.set()


def test_backends_that_keep_nothing_are_no_keyring() -> None:
    from keyring.backends import chainer, fail, null

    for backend in (fail.Keyring(), null.Keyring(), chainer.ChainerBackend()):
        assert not SecretKeyring("ours", lambda made=backend: made).usable()
    assert SecretKeyring("ours", Ring).usable()


def test_a_failing_keyring_does_not_repeat_the_value() -> None:
    class Broken(Ring):
        def set_password(self, service: str, name: str, value: str) -> None:
            raise RuntimeError(f"{service} {name} {value}")

    refused = refusal(SecretKeyring("ours", Broken).put, "A", VALUE)
    assert VALUE not in str(refused)
    assert refused.__suppress_context__


WRITER = """
import sys
from pathlib import Path
from jupyter_mcp.security.secrets.vault import Vault
for number in range(10):
    Vault(Path(sys.argv[1]), "file").set(f"N{sys.argv[2]}_{number}", "a value of a secret")
"""


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)], env=environment)
        for n in range(2)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(filed(tmp_path).names()) == 20
    assert filed(tmp_path).get("N0_0") == filed(tmp_path).get("N1_9")
