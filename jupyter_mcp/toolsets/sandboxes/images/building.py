"""The requests to the engine that make an image, and what it says meanwhile; all of it blocks.

Source: Docker Engine API 1.41, "Build an image" and "Create an image"; Podman answers the same.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.bootstrap import Bootstrap
from jupyter_mcp.toolsets.sandboxes.images.context import Context
from jupyter_mcp.toolsets.sandboxes.images.engine import BrokenOff, LongRequest, in_own_thread
from jupyter_mcp.toolsets.sandboxes.images.feed import Feed
from jupyter_mcp.toolsets.sandboxes.images.names import split
from jupyter_mcp.toolsets.sandboxes.images.recipes import Recipe

R = TypeVar("R")
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


def proxies() -> dict[str, str]:
    """Return the proxy settings of this server as build arguments, those with a password left out.

    An untrusted Dockerfile could print them. Docker knows the names and keeps them out of images.
    """
    given = {name: os.environ.get(name, "") for name in _PROXIES}
    return {name: value for name, value in given.items() if value and "@" not in _place(value)}


def _place(url: str) -> str:
    return urlsplit(url).netloc if "://" in url else url


def build_folder(request: LongRequest, client: Any, order: Order, feed: Feed) -> None:
    """Build a folder; its variables come in a second build, literally."""
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


def build_recipe(
    request: LongRequest,
    client: Any,
    recipe: Recipe,
    labels: Mapping[str, str],
    feed: Feed,
    *,
    fresh: bool,
) -> None:
    """Build the Dockerfile of a recipe, which needs no file beside it."""
    with tempfile.TemporaryFile() as tar:
        _empty_context(tar, recipe.text)
        lines = _request(client, tar, recipe.image, labels=labels, nocache=fresh)
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


def load_base(client: Any, tar: Bootstrap, image: str, labels: Mapping[str, str]) -> None:
    """Make an image of the base's tar."""
    repository, tag = split(image)
    changes = [f"LABEL {json.dumps(name)}={_quoted(value)}" for name, value in labels.items()]
    answer = client.import_image_from_stream(iter(tar), repository, tag, changes)
    if '"error"' in answer:
        what = f"The engine refused the base image: {answer[-300:]}"
        raise ToolError("failed", what, "See the engine's log; its disk may be full.")


def _empty_context(tar: Any, dockerfile: str) -> None:
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


def labels_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of an image, as the engine tells of it."""
    return dict((found.get("Config") or {}).get("Labels") or {})


def _failed(complaint: str, feed: Feed) -> ToolError:
    return ToolError(
        "failed",
        f"The build failed: {' '.join(complaint.split())[:300]}",
        "Mend the Dockerfile; 'log' has the last lines.",
        data={"log": feed.tail},
    )


async def ask_engine(
    request: LongRequest,
    question: Callable[[Any], R],
    end: Callable[[], None] = lambda: None,
) -> R:
    """Ask the engine in a thread of its own and tell errors of the SDK as ours.

    Args:
        request: Connects to the engine.
        question: Asks by the SDK's client, blocking.
        end: Called with `LongRequest.break_off` when the caller is cancelled.

    Raises:
        ToolError: ``unavailable``, ``failed``, and what the question raises.
    """

    def ask() -> R:
        with request as client:
            return _told(lambda: question(client), request)

    def break_off() -> None:
        request.break_off()
        end()

    return await in_own_thread(ask, break_off)


def _told(work: Callable[[], R], request: LongRequest) -> R:
    """Do what may meet errors of the SDK, and tell them as ours.

    What the work itself raised while the engine read from it counts, not that the upload failed.
    """
    import docker  # type: ignore[import-untyped]
    import requests

    try:
        return work()
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
