"""``jupyter mcp image`` as a person runs it, with a server and on a fresh machine."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.commands import command

if TYPE_CHECKING:
    from support.engine import Engine


@pytest.fixture
def tag(engine: Engine) -> Iterator[str]:
    name = f"jupyter-mcp/test-{secrets.token_hex(4)}"
    yield name
    engine.docker("image", "rm", "--force", name, check=False)


def image(url: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command where no server runs and nothing was ever configured."""
    folders = ("CONFIG", "DATA", "RUNTIME")
    fresh = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in folders}
    return subprocess.run(
        command("image", *words),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=home,
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(home),
            **fresh,
            "DOCKER_HOST": url,
        },
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_a_shipped_image_that_is_there_is_left_as_it_is(engine: Engine, tmp_path: Path) -> None:
    done = image(engine.url, tmp_path, "build", "dev", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == "present"
    assert told["digest"].startswith("sha256:")


def test_a_folder_is_built_listed_and_removed(engine: Engine, tmp_path: Path, tag: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM jupyter-mcp/base\nRUN echo it is built\n")
    done = image(engine.url, tmp_path, "build", "./project", "--tag", tag)
    assert done.returncode == 0, done.stderr
    assert "it is built" in done.stderr  # the log goes where it does not mix with the result
    assert tag in done.stdout
    listed = image(engine.url, tmp_path, "list")
    assert tag in listed.stdout
    assert "jupyter-mcp/dev (default)" in listed.stdout
    assert f"Removed {tag}." in image(engine.url, tmp_path, "remove", tag).stdout
    assert tag not in image(engine.url, tmp_path, "list").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["build", "nowhere"], "not_found"),
        (["build", ".."], "not below"),
        (["build", ".", "--tag", "debian"], "forbidden"),
        (["build", "."], "Dockerfile"),
        (["remove", "jupyter-mcp/none-of-these"], "not_found"),
        (["paint"], "Choose from"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_the_remedy(
    engine: Engine, tmp_path: Path, words: list[str], told: str
) -> None:
    done = image(engine.url, tmp_path, *words)
    assert done.returncode == 1
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_without_an_engine_the_remedy_is_told(tmp_path: Path) -> None:
    done = image(f"unix://{tmp_path}/none.sock", tmp_path, "list")
    assert done.returncode == 1
    assert "Start Docker" in done.stderr
