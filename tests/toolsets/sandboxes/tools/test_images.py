"""Images, as a client calls them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.workshops import Client, Workshop, texts, workshop

if TYPE_CHECKING:
    from support.engine import Engine


@pytest.fixture
def tag(engine: Engine) -> Iterator[str]:
    name = f"jupyter-mcp/test-{secrets.token_hex(4)}"
    yield name
    engine.docker("image", "rm", "--force", name, check=False)


@asynccontextmanager
async def with_images(engine: Engine, folder: Path) -> AsyncIterator[Workshop]:
    toolsets = ("jobs", "sandboxes")
    async with workshop(
        folder, live=False, toolsets=toolsets, docker_url=engine.url, sandbox_pool=0
    ) as shop:
        yield shop


async def test_a_build_goes_on_as_a_job_and_its_log_can_be_read(
    engine: Engine, tmp_path: Path, tag: str
) -> None:
    async with with_images(engine, tmp_path) as shop:
        (shop.root / "project").mkdir()
        (shop.root / "project" / "Dockerfile").write_text(
            "FROM jupyter-mcp/base\nRUN echo step-one\n"
        )
        begun = await shop.do("image_build", path="project", tag=tag)
        assert begun["status"] == "running"
        ended = await shop.do("job_get", job_id=begun["job_id"], wait=60)
        assert ended["status"] == "succeeded", ended
        assert "step-one" in ended["log"]
        assert ended["result"]["digest"].startswith("sha256:")
        assert any("Hidden files" in each for each in ended["result"]["warnings"])
        listed = await shop.do("image_list")
        assert {"name": tag, "removable": True}.items() <= _of(listed, tag).items()
        assert _of(listed, "jupyter-mcp/dev")["up_to_date"] is True
        assert await shop.do("image_remove", image=tag) == {"name": tag}


async def test_who_waits_is_told_the_log_as_progress(
    engine: Engine, tmp_path: Path, tag: str
) -> None:
    async with with_images(engine, tmp_path) as shop:
        (shop.root / "Dockerfile").write_text("FROM jupyter-mcp/base\nRUN echo step-one; exit 1\n")
        client = Client()
        failed = await shop.ask("image_build", client, path="", tag=tag, background=False)
        assert failed.is_error
        assert "returned a non-zero code: 1" in texts(failed)
        assert "step-one" in client.text


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalid_arguments"),
        ({"recipe": "dev", "path": "x"}, "invalid_arguments"),
        ({"recipe": "dev", "tag": "jupyter-mcp/x"}, "invalid_arguments"),
        ({"path": "none"}, "not_found"),
        ({"path": "."}, "not_found"),
        ({"path": "", "tag": "debian"}, "forbidden"),
        ({"path": "", "tag": "jupyter-mcp/dev"}, "conflict"),
    ],
)
async def test_what_cannot_be_built_is_refused_before_a_job_begins(
    engine: Engine, tmp_path: Path, arguments: dict[str, Any], code: str
) -> None:
    async with with_images(engine, tmp_path) as shop:
        error = await shop.refused("image_build", **arguments)
        assert error.code == code
        assert error.remedy


def _of(listed: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(each) for each in listed["images"] if each["name"] == name)
