"""``jupyter mcp secret`` as a person or a script runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

VALUE = "hunter2-correct-horse"
COMMAND = [sys.executable, "-m", "jupyter_mcp.commands", "secret"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An account of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    return kept | {
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def run(
    environment: dict[str, str], *words: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        input=given,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def vault(tmp_path: Path) -> Any:
    from jupyter_mcp.security.secrets.vault import Vault

    return Vault(tmp_path / "data" / "jupyter_mcp" / "secrets", "file")


def test_a_piped_value_is_kept_listed_and_deleted(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run(environment, "set", "DB", given=f"{VALUE}\n")
    assert (done.returncode, done.stdout) == (0, "Kept 'DB' in the encrypted file: ${secret:DB}\n")
    assert vault(tmp_path).get("DB") == VALUE
    listed = json.loads(run(environment, "list", "--json").stdout)
    assert [(each["name"], each["store"]) for each in listed] == [("DB", "file")]
    assert run(environment, "delete", "DB").stdout == "Deleted 'DB'.\n"
    assert run(environment, "list").stdout == "There are no secrets.\n"
    again = run(environment, "delete", "DB")
    assert again.returncode == 1
    assert again.stderr.startswith("not_found: There is no secret 'DB'.")


def test_a_file_gives_the_value(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "key.pem"
    file.write_text("line one\nline two\n")
    done = run(environment, "set", "KEY", "--from-file", str(file), "--json")
    assert json.loads(done.stdout)["name"] == "KEY"
    assert vault(tmp_path).get("KEY") == "line one\nline two"
    missing = run(environment, "set", "KEY", f"--from-file={tmp_path}/none")
    assert missing.stderr.startswith("invalid_arguments:")


@pytest.mark.parametrize("words", [("DB", VALUE), (f"DB={VALUE}",), ("DB", f"value={VALUE}")])
def test_a_value_on_the_command_line_is_refused_and_not_repeated(
    tmp_path: Path, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    done = run(environment, "set", *words)
    assert done.returncode == 1
    assert "can be read by every process" in done.stderr
    assert VALUE not in done.stderr + done.stdout
    assert vault(tmp_path).names() == ()


@pytest.mark.parametrize("words", [(), ("show", "DB"), ("set",), ("list", "more"), ("set", "1")])
def test_other_words_are_refused_in_a_line(
    environment: dict[str, str], words: tuple[str, ...]
) -> None:
    done = run(environment, *words, given=VALUE)
    assert done.returncode == 1
    assert done.stderr.startswith("invalid_arguments: ")
    assert len(done.stderr.splitlines()) == 1


def test_an_empty_value_is_refused(environment: dict[str, str]) -> None:
    done = run(environment, "set", "DB", given="\n")
    assert done.stderr.startswith("invalid_arguments: The value of 'DB' is empty.")


def test_a_person_is_asked_without_showing_the_value(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    terminal = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", *COMMAND]
    with subprocess.Popen(
        [*terminal, "set", "DB"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        shown = b""
        while b"(not shown): " not in shown:
            more = os.read(asked.stdout.fileno(), 1000)
            assert more, shown
            shown += more
        asked.stdin.write(f"{VALUE}\n".encode())
        asked.stdin.flush()
        shown += asked.stdout.read()
    assert b"Kept 'DB'" in shown
    assert VALUE.encode() not in shown
    assert vault(tmp_path).get("DB") == VALUE
