"""Builds on a real engine."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.building import METADATA
from jupyter_mcp.toolsets.sandboxes.images.images import Images
from jupyter_mcp.toolsets.sandboxes.images.recipes import LABEL, recipe

if TYPE_CHECKING:
    from support.engine import Engine

MEMORY = 256 * 1024 * 1024


@pytest.fixture
def threads() -> Iterator[Executor]:
    executor = Executor(2)
    yield executor
    executor.stop()


@pytest.fixture
def images(engine: Engine, threads: Executor) -> Images:
    return Images(engine.url, ["jupyter-mcp/*"], MEMORY, threads)


@pytest.fixture
def tag(engine: Engine) -> Iterator[str]:
    name = f"jupyter-mcp/test-{secrets.token_hex(4)}"
    yield name
    engine.docker("image", "rm", "--force", name, check=False)
    left = engine.docker("ps", "--all", "--quiet", "--filter", f"ancestor={name}").stdout
    assert not left


class Log:
    def __init__(self) -> None:
        self.text = ""
        self.said = asyncio.Event()

    async def say(self, text: str) -> None:
        self.text += text + "\n"
        self.said.set()

    async def until(self, what: str) -> None:
        async with asyncio.timeout(60):
            while what not in self.text:
                self.said.clear()
                await self.said.wait()


async def build(images: Images, root: Path, tag: str, **more: Any) -> tuple[Any, Log, Any]:
    plan = await images.of_folder(root, "", "user:ann", tag=tag, shows_hidden=True, **more)
    log = Log()
    return await plan.build(log.say), log, plan


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.docker("image", "inspect", name).stdout)[0]
    return found


async def test_a_shipped_image_that_is_up_to_date_is_not_built_again(
    engine: Engine, images: Images
) -> None:
    log = Log()
    built = await images.of_recipe("dev", "user:ann").build(log.say)
    assert not built.is_new
    assert built.digest == inspect(engine, engine.image)["Id"]
    assert inspect(engine, engine.image)["Config"]["Labels"][LABEL] == recipe("dev").digest


async def test_a_dockerfile_is_built_with_its_context_and_its_log_streams(
    engine: Engine, images: Images, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "hello.txt").write_text("from the folder")
    (tmp_path / "Dockerfile").write_text(
        "FROM jupyter-mcp/base\nCOPY hello.txt /hello.txt\nRUN cat /hello.txt; id -u\n"
    )
    built, log, _ = await build(images, tmp_path, tag)
    assert "from the folder" in log.text
    assert built.is_new
    assert built.digest == inspect(engine, tag)["Id"]
    assert built.size > 1_000_000
    assert tag in [each.name for each in await images.list() if each.is_ours]


async def test_a_devcontainer_gives_its_variables_literally_and_its_metadata(
    engine: Engine, images: Images, tmp_path: Path, tag: str
) -> None:
    value = 'a "quoted" $HOME \\ back `x`'
    place = tmp_path / ".devcontainer"
    place.mkdir()
    (place / "Dockerfile").write_text("FROM jupyter-mcp/base\nARG A\nRUN echo arg=$A\n")
    (place / "devcontainer.json").write_text(
        json.dumps(
            {
                "build": {"dockerfile": "Dockerfile", "context": "..", "args": {"A": "seven"}},
                "containerEnv": {"VALUE": value},
                "forwardPorts": [8000],
                "features": {"x": {}},
            }
        )
    )
    _, log, plan = await build(images, tmp_path, tag)
    config = inspect(engine, tag)["Config"]
    assert f"VALUE={value}" in config["Env"]
    assert json.loads(config["Labels"][METADATA]) == {"ports": [8000]}
    assert "arg=seven" in log.text
    assert any("features" in warning for warning in plan.warnings)


async def test_a_step_that_fails_is_told_with_the_end_of_the_log_and_leaves_nothing(
    engine: Engine, images: Images, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM jupyter-mcp/base\nRUN echo the reason; exit 3\n")
    with pytest.raises(ToolError) as caught:
        await build(images, tmp_path, tag)
    assert caught.value.code == "failed"
    assert "the reason" in caught.value.data["log"]
    assert engine.docker("image", "inspect", tag, check=False).returncode != 0


async def test_a_step_that_takes_too_much_memory_is_killed(
    images: Images, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM jupyter-mcp/base\nRUN python3 -c 'x = b\"x\" * (400 << 20)'\n"
    )
    with pytest.raises(ToolError, match="137"):
        await build(images, tmp_path, tag)


async def test_a_build_sees_no_folder_of_the_host_and_is_not_privileged(
    images: Images, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM jupyter-mcp/base\n"
        f"RUN test ! -e {tmp_path} && test ! -e /dev/mem && ! mount -t tmpfs x /mnt\n"
    )
    await build(images, tmp_path, tag)


async def test_a_cancelled_build_ends_in_the_engine_too(
    engine: Engine, images: Images, tmp_path: Path, tag: str
) -> None:
    mark = secrets.token_hex(8)
    (tmp_path / "Dockerfile").write_text(
        f"FROM jupyter-mcp/base\nRUN echo begun-$(echo {mark}) && sleep 600\n"
    )
    plan = await images.of_folder(tmp_path, "", "user:ann", tag=tag)
    log = Log()
    running = asyncio.create_task(plan.build(log.say))
    await log.until(f"begun-{mark}")
    running.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await running
    async with asyncio.timeout(20):
        while mark in (await asyncio.to_thread(engine.docker, "ps", "--no-trunc")).stdout:
            await asyncio.to_thread(engine.docker, "version")
    (tmp_path / "Dockerfile").write_text("FROM jupyter-mcp/base\n")
    await build(images, tmp_path, tag)  # its turn is free again


async def test_an_endless_log_does_not_fill_the_server(
    images: Images, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM jupyter-mcp/base\nRUN yes 0123456789 | head -c 5000000; echo; echo the-end\n"
    )
    _, log, _ = await build(images, tmp_path, tag)
    assert "the-end" in log.text
    assert len(log.text) < 3_000_000


async def test_an_image_of_somebody_else_is_neither_replaced_nor_removed(
    engine: Engine, images: Images, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM jupyter-mcp/base\nLABEL x=1\n")
    await build(images, tmp_path, tag)
    plan = await images.of_folder(tmp_path, "", "user:bob", tag=tag)
    with pytest.raises(ToolError) as caught:
        await plan.build(Log().say)
    assert caught.value.code == "conflict"
    with pytest.raises(ToolError) as caught:
        await images.remove(tag, "user:bob")
    assert caught.value.code == "forbidden"
    assert await images.remove(tag, "user:ann") == tag
    assert engine.docker("image", "inspect", tag, check=False).returncode != 0


async def test_an_image_that_something_runs_is_not_removed(
    engine: Engine, images: Images, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM jupyter-mcp/base\nLABEL x=2\n")
    await build(images, tmp_path, tag)
    container = engine.docker("create", "--network", "none", tag, "true").stdout.strip()
    try:
        with pytest.raises(ToolError) as caught:
            await images.remove(tag, None)
        assert caught.value.code == "busy"
    finally:
        engine.docker("rm", container)


async def test_without_an_engine_the_remedy_is_told(tmp_path: Path, threads: Executor) -> None:
    images = Images(f"unix://{tmp_path}/none.sock", ["jupyter-mcp/*"], MEMORY, threads)
    with pytest.raises(ToolError) as caught:
        await images.list()
    assert caught.value.code == "unavailable"
    assert "docker_url" in caught.value.remedy


@pytest.mark.parametrize("path", ["..", "../..", "/etc/..", "none", "link", ".hidden"])
async def test_only_folders_of_the_root_are_built(
    tmp_path: Path, threads: Executor, path: str
) -> None:
    root = tmp_path / "root"
    (root / ".hidden").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path)
    images = Images("", ["jupyter-mcp/*"], MEMORY, threads)
    with pytest.raises(ToolError) as caught:
        await images.of_folder(root, path, "user:ann")
    assert caught.value.code in {"forbidden", "not_found"}
