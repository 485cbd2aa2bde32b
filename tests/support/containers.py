"""Containers in tests: a backend on an engine, what runs inside, and an image made at once."""

from __future__ import annotations

import io
import json
import re
import secrets
import subprocess
import tarfile
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends.docker import DockerBackend
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Limits, SandboxSpec

PROGRAMS = (
    "sh cat chmod cut dd du echo env find grep head id ln ls mkdir mktemp mv readlink rm rmdir "
    "sha256sum sleep stat sync tail timeout touch true xargs"
)
SMALL = f"jupyter-mcp/small:{zlib.crc32(PROGRAMS.encode()):08x}"
"""A shell and some programs of this machine, some megabytes; neither Python nor a workspace."""
LIMITS = Limits(memory=128 * MIB, pids=64, tmp=32 * MIB)


@dataclass
class Bench:
    """A backend with a namespace of its own.

    Args:
        backend: The backend.
        url: Where its engine listens.
        tasks: Its background tasks.
        image: What it makes sandboxes of.
        namespace: Told apart from those of other tests on the same engine.
    """

    backend: DockerBackend
    url: str
    tasks: Supervisor
    image: str
    namespace: str = field(default_factory=lambda: f"test-{secrets.token_hex(6)}")

    def spec(self, seconds: float = 300, **changes: Any) -> SandboxSpec:
        """Return what to make, of little."""
        now = time.time()
        wanted = {"owner": "user:ann", "created": now, "expires": now + seconds, "limits": LIMITS}
        name = f"sb-{secrets.token_hex(6)}"
        return SandboxSpec(id=name, namespace=self.namespace, **{**wanted, **changes})

    async def create(self, seconds: float = 300, **changes: Any) -> Handle:
        """Make a sandbox."""
        return await self.backend.create(self.spec(seconds, **changes))

    async def sh(self, handle: Handle, script: str) -> str:
        """Run a shell script inside to its end and return what it printed."""
        channel = await self.backend.channel(handle, ["sh", "-c", script])
        text = b""
        while data := await channel.read(65_536):
            text += data
        await channel.close()
        return (text.decode() + channel.complaint()).strip()

    async def python(self, handle: Handle, script: str) -> str:
        """Run Python inside to its end and return what it printed."""
        channel = await self.backend.channel(handle, ["python3", "-I", "-S", "-c", script])
        text = b""
        while data := await channel.read(65_536):
            text += data
        await channel.close()
        return (text.decode() + channel.complaint()).strip()

    def docker(self, *words: str) -> str:
        """Run Docker's own command against the engine."""
        done = subprocess.run(
            ["docker", "-H", self.url, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def inspect(self, handle: Handle) -> dict[str, Any]:
        """Return what the engine tells of a sandbox."""
        found: dict[str, Any] = json.loads(self.docker("inspect", handle.ref))[0]
        return found

    def volumes(self) -> list[str]:
        """Return the volumes of this namespace."""
        label = f"label=jupyter-mcp.namespace={self.namespace}"
        return self.docker("volume", "ls", "-q", "--filter", label).split()

    def containers(self) -> list[str]:
        """Return the containers of this namespace, those that ended too."""
        label = f"label=jupyter-mcp.namespace={self.namespace}"
        return self.docker("ps", "-aq", "--filter", label).split()


@asynccontextmanager
async def bench(url: str, image: str = "") -> AsyncIterator[Bench]:
    """Give a backend, and see to it that nothing stays."""
    threads, tasks = Executor(8), Supervisor()
    wanted = {"sandbox_image": image} if image else {}
    backend = DockerBackend(Settings(docker_url=url, **wanted), threads, tasks)
    table = Bench(backend, url, tasks, image)
    try:
        yield table
        for handle in await backend.list(table.namespace):
            await backend.destroy(handle)
        assert table.containers() == []
        assert table.volumes() == []
    finally:
        await backend.stop()
        await tasks.stop()
        threads.stop()


def small_image(url: str) -> str:
    """Import an image of programs of this machine with their libraries, and return its name."""
    found = subprocess.run(
        ["docker", "-H", url, "image", "inspect", SMALL], check=False, capture_output=True
    )
    if found.returncode:
        subprocess.run(
            ["docker", "-H", url, "import", "-", SMALL],
            input=_rootfs(),
            check=True,
            capture_output=True,
        )
    return SMALL


def _rootfs() -> bytes:
    programs = [Path("/bin") / name for name in PROGRAMS.split()]
    listed = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True).stdout
    files = {*map(str, programs), *re.findall(r"(/\S+\.so\S*) \(", listed)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
        for file in sorted(files):
            archive.add(file)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
    return packed.getvalue()
