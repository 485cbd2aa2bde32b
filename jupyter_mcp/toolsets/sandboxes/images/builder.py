"""Builds images on the engine: shipped recipes, and folders with a Dockerfile.

A build runs with the engine's network, in containers that are limited in memory, see no folder of
the host and are not privileged. One at a time: each may take a CPU and a disk for minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.bootstrap import Bootstrap
from jupyter_mcp.toolsets.sandboxes.images.context import Context
from jupyter_mcp.toolsets.sandboxes.images.engine import BrokenOff, LongRequest, in_own_thread
from jupyter_mcp.toolsets.sandboxes.images.feed import Feed, Say
from jupyter_mcp.toolsets.sandboxes.images.names import split
from jupyter_mcp.toolsets.sandboxes.images.recipes import LABEL, Recipe, packages

OWNER = "jupyter-mcp.image-owner"
"""The label that says who had an image built; only such images are ever removed."""
METADATA = "jupyter-mcp.devcontainer"
"""The label with what a devcontainer.json asks of whoever makes a sandbox."""
DOCKERFILE = ".jupyter-mcp.Dockerfile"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Order:
    """A build of a folder.

    Args:
        name: What the image is called.
        owner: Identifier of who asked.
        dockerfile: The text of the Dockerfile.
        context: What it sees.
        args: Build arguments.
        target: The stage that is wanted; empty for the last.
        env: Variables that are set in the image.
        metadata: Kept in the image's label, for whoever makes a sandbox.
        memory: Bytes that a step of the build may use; 0 for no matter.
        fresh: Whether nothing of earlier builds is used again.
    """

    name: str
    owner: str
    dockerfile: str
    context: Context
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    memory: int = 0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """An image that is there.

    Args:
        name: Its name.
        digest: What is pinned: the digest of its configuration, and so of all its layers.
        size: Bytes.
        is_new: Whether it was built just now.
        seconds: How long that took.
    """

    name: str
    digest: str
    size: int
    is_new: bool
    seconds: float


class Builder:
    """Builds images, one at a time.

    Args:
        url: The engine's address; empty for Docker's own settings.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = asyncio.Lock()

    async def recipe(self, recipe: Recipe, owner: str, say: Say, *, fresh: bool = False) -> Built:
        """Build a shipped image and what it stands on, where that is not up to date.

        Args:
            recipe: What to build.
            owner: Identifier of who asked.
            say: Takes lines of the log.
            fresh: Whether it is built anew, with the packages of today.

        Raises:
            ToolError: ``unavailable``, ``failed``.
        """
        started = time.monotonic()
        async with self._watched(say) as feed:
            is_new = False
            for each in recipe.chain:
                if fresh or not await self._is_there(each):
                    await self._one(each, owner, feed, fresh=fresh)
                    is_new = True
            return await self._built(recipe.image, is_new=is_new, started=started)

    async def folder(self, order: Order, say: Say) -> Built:
        """Build a Dockerfile.

        Raises:
            ToolError: ``unavailable``, ``failed``, ``too_large``, ``conflict`` for an image of
                somebody else.
        """
        started = time.monotonic()
        async with self._watched(say) as feed:
            await self._refuse_others(order)
            await self._in_thread(lambda request, client: _build(request, client, order, feed))
            return await self._built(order.name, is_new=True, started=started)

    @asynccontextmanager
    async def _watched(self, say: Say) -> AsyncIterator[Feed]:
        feed = Feed(say)
        if self._turn.locked():
            await say("Another build runs; this one is next.")
        async with self._turn:
            pump = asyncio.create_task(feed.pump(), name="jupyter-mcp image log")
            try:
                yield feed
                await feed.flush()
            finally:
                pump.cancel()
                await asyncio.wait([pump])

    async def _one(self, recipe: Recipe, owner: str, feed: Feed, *, fresh: bool) -> None:
        feed.put(f"Building {recipe.image}")
        labels = {LABEL: recipe.digest, OWNER: owner}
        if recipe.parent is None:
            await self._base(recipe, labels, feed)
            return

        def build(request: LongRequest, client: Any) -> None:
            with tempfile.TemporaryFile() as tar:
                _empty_context(tar, recipe.text)
                lines = _request(client, tar, recipe.image, labels=labels, nocache=fresh)
                _digest_of(request, lines, feed)

        await self._in_thread(build)

    async def _base(self, recipe: Recipe, labels: Mapping[str, str], feed: Feed) -> None:
        bootstrap = Bootstrap(packages(recipe.text), feed.put)

        def load(request: LongRequest, client: Any) -> None:
            with bootstrap:
                request.check()
                _import(client, bootstrap, recipe.image, labels)

        await self._in_thread(load, bootstrap.end)

    async def _in_thread(
        self,
        work: Callable[[LongRequest, Any], None],
        end: Callable[[], None] = lambda: None,
    ) -> None:
        request = LongRequest(self._url)

        def run() -> None:
            with request as client:
                _told(lambda: work(request, client), request)

        def break_off() -> None:
            request.break_off()
            end()

        await in_own_thread(run, break_off)

    async def _is_there(self, recipe: Recipe) -> bool:
        found = await self.inspect(recipe.image)
        return found is not None and _labels(found).get(LABEL) == recipe.digest

    async def _refuse_others(self, order: Order) -> None:
        found = await self.inspect(order.name)
        if found is not None and _labels(found).get(OWNER) != order.owner:
            raise ToolError(
                "conflict",
                f"There is an image '{order.name}' that you did not build.",
                "Give another tag.",
            )

    async def _built(self, name: str, *, is_new: bool, started: float) -> Built:
        found = await self.inspect(name)
        if found is None:
            raise ToolError("failed", f"The engine lost the image '{name}'.", "Build it again.")
        seconds = time.monotonic() - started
        return Built(name, str(found["Id"]), int(found["Size"]), is_new, round(seconds, 1))

    async def inspect(self, name: str) -> dict[str, Any] | None:
        """Return what the engine says of an image; None when it is not there."""
        request = LongRequest(self._url)

        def ask() -> dict[str, Any] | None:
            import docker  # type: ignore[import-untyped]

            with request as client:
                try:
                    return dict(client.inspect_image(name))
                except docker.errors.ImageNotFound:
                    return None

        return await in_own_thread(ask, request.break_off)


def proxies() -> dict[str, str]:
    """Return the proxy settings of this server as build arguments, those with a password left out.

    An untrusted Dockerfile could print them. Docker knows the names and keeps them out of images.
    """
    given = {name: os.environ.get(name, "") for name in _PROXIES}
    return {name: value for name, value in given.items() if value and "@" not in _place(value)}


def _place(url: str) -> str:
    return urlsplit(url).netloc if "://" in url else url


def _build(request: LongRequest, client: Any, order: Order, feed: Feed) -> None:
    with tempfile.TemporaryFile() as tar:
        size = order.context.write(tar, request.check)
        tar.seek(0)
        feed.put(f"Sending {size / 1e6:.1f} MB")
        labels = {OWNER: order.owner}
        if order.metadata:
            labels[METADATA] = json.dumps(order.metadata)
        more = {"target": order.target} if order.target else {}
        lines = _request(
            client,
            tar,
            None if order.env else order.name,
            labels=labels,
            nocache=order.fresh,
            buildargs={**proxies(), **order.args},
            memory=order.memory,
            **more,
        )
        digest = _digest_of(request, lines, feed)
    if order.env:
        with tempfile.TemporaryFile() as tar:
            _empty_context(tar, _with_variables(digest, order.env))
            lines = _request(client, tar, order.name, labels=labels)
            _digest_of(request, lines, feed)


def _request(
    client: Any,
    tar: Any,
    name: str | None,
    *,
    buildargs: Mapping[str, str] | None = None,
    memory: int = 0,
    **options: Any,
) -> Iterator[dict[str, Any]]:
    limits = {"memory": memory, "memswap": memory} if memory else {}
    lines: Iterator[dict[str, Any]] = client.build(
        fileobj=tar,
        custom_context=True,
        dockerfile=DOCKERFILE,
        tag=name and ":".join(split(name)),
        buildargs=dict(buildargs if buildargs is not None else proxies()),
        container_limits=limits,
        timeout=client.timeout,
        decode=True,
        rm=True,
        forcerm=True,
        use_config_proxy=False,
        **options,
    )
    return lines


def _digest_of(request: LongRequest, lines: Iterator[dict[str, Any]], feed: Feed) -> str:
    """Pass on what the engine says and return the digest of what it made."""
    digest = ""
    for line in lines:
        request.check()
        if (complaint := line.get("error")) is not None:
            feed.put(str(complaint))
            raise _failed(str(complaint), feed)
        feed.put(str(line.get("stream") or line.get("status") or ""))
        aux = line.get("aux")
        if isinstance(aux, dict) and _DIGEST.fullmatch(str(aux.get("ID", ""))):
            digest = str(aux["ID"])
    request.check()
    if not digest:
        raise _failed("the engine ended the build without an image", feed)
    return digest


def _import(client: Any, tar: Bootstrap, image: str, labels: Mapping[str, str]) -> None:
    repository, tag = split(image)
    changes = [f"LABEL {json.dumps(name)}={_quoted(value)}" for name, value in labels.items()]
    answer = client.import_image_from_stream(iter(tar), repository, tag, changes)
    if '"error"' in answer:
        raise ToolError("failed", f"The engine refused the base image: {answer[-300:]}")


def _empty_context(tar: Any, dockerfile: str) -> None:
    import io
    import tarfile

    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo(DOCKERFILE)
        data = dockerfile.encode()
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    tar.seek(0)


def _with_variables(digest: str, env: Mapping[str, str]) -> str:
    lines = [f"ENV {name}={_quoted(value)}" for name, value in env.items()]
    return "\n".join([f"FROM {digest}", *lines, ""])


def _quoted(value: str) -> str:
    """Quote a value so that a Dockerfile takes it as it is."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _labels(found: Mapping[str, Any]) -> dict[str, str]:
    return dict((found.get("Config") or {}).get("Labels") or {})


def _failed(complaint: str, feed: Feed) -> ToolError:
    return ToolError(
        "failed",
        f"The build failed: {' '.join(complaint.split())[:300]}",
        "Mend the Dockerfile; 'log' has the last lines.",
        data={"log": feed.tail},
    )


def _told(work: Callable[[], None], request: LongRequest) -> None:
    """Do what may meet errors of the SDK, and tell them as ours.

    What the work itself raised while the engine read from it counts, not that the upload failed.
    """
    import docker
    import requests

    try:
        work()
    except (ToolError, BrokenOff):
        raise
    except docker.errors.APIError as error:
        request.check()
        said = " ".join(str(error.explanation or error).split())[:300]
        raise ToolError("failed", f"The engine refused: {said}", "See the log.") from None
    except (requests.RequestException, docker.errors.DockerException, OSError, ValueError) as error:
        request.check()
        what = f"The connection to the engine broke off ({type(error).__name__})."
        raise ToolError("unavailable", what, "Try again; see the engine's log.") from error
