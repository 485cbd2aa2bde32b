"""Jupyter kernels that run in sandboxes: the process inside, and the way to it.

A kernel is an ipykernel inside with its five ZeroMQ ports on the sandbox's own loopback. Jupyter
reaches them by sockets of this host that are bridged through the channel, so a sandbox without a
network has kernels too. Where loopback is shared with the host (levels `landlock` and `process`)
its ports would be open to every account of the machine: those are refused.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.kernels.bridges import Bridges, Spawner
from jupyter_mcp.toolsets.sandboxes.kernels.kernel_start import CHANNELS
from jupyter_mcp.toolsets.sandboxes.sessions.session import Session

_START_SECONDS = 30.0
_LONGEST_LINE = 4096
_KEPT_CHUNKS = 20
_GONE = 137
"""The exit code of a kernel whose sandbox went away: as if it was killed."""


class SandboxKernel:
    """A kernel that runs in a sandbox. Make it by `start`.

    Args:
        process: Its process.
        tasks: The owner of background tasks.
        bridges: The way to its ports.
    """

    def __init__(self, process: Any, tasks: Spawner, bridges: Bridges) -> None:
        self.pid = int(process.pid)
        self.exit_code: int | None = None
        self._process = process
        self._bridges = bridges
        self._ended = asyncio.Event()
        self._ports: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._said: deque[bytes] = deque(maxlen=_KEPT_CHUNKS)
        self._follow = tasks.spawn(f"kernel {self.pid}", self._following())

    @classmethod
    async def start(
        cls, link: Any, tasks: Spawner, connection: Mapping[str, Any], sockets: Mapping[str, str]
    ) -> SandboxKernel:
        """Start a kernel and open the way to it.

        Args:
            link: The link to the sandbox's agent.
            tasks: The owner of background tasks.
            connection: The connection as Jupyter describes it, with the key that signs messages.
            sockets: Paths of sockets on this host by channel, such as ``shell``.

        Raises:
            ToolError: ``unavailable`` when it does not start.
        """
        source = files(__package__).joinpath("kernel_start.py").read_text(encoding="utf-8")
        process = await link.start(["python3", "-c", source])
        kernel = cls(process, tasks, Bridges(link.dial, tasks))
        try:
            await process.write(json.dumps(_told(connection)).encode() + b"\n")
            async with asyncio.timeout(_START_SECONDS):
                ports = _ports_of(await kernel._ports)
            await kernel._bridges.open({sockets[each]: ports[each] for each in CHANNELS})
        except BaseException as error:
            await kernel.end()
            if isinstance(error, TimeoutError | OSError):
                raise kernel._silent() from None
            raise
        return kernel

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        await self._ended.wait()
        return _GONE if self.exit_code is None else self.exit_code

    async def signal(self, number: int) -> None:
        """Send a signal to the kernel and what it started in its process group."""
        if self.exit_code is None:
            await self._process.signal(number)

    async def kill(self) -> None:
        """Kill it with what it started."""
        if self.exit_code is None:
            await self._process.kill()

    async def end(self) -> None:
        """Kill it, and close the way to it."""
        try:
            await self.kill()
        except (ToolError, OSError):
            pass  # the sandbox is gone, and the kernel with it
        finally:
            self._follow.cancel()
            await asyncio.gather(self._follow, return_exceptions=True)
            await self._bridges.close()

    async def _following(self) -> None:
        """Read what it prints besides its messages, until it ends; the end of that is kept."""
        first = b""
        try:
            async for kind, data in self._process.output():
                if kind == "stdout" and not self._ports.done():
                    first += data
                    line, newline, rest = first.partition(b"\n")
                    if newline or len(first) > _LONGEST_LINE:
                        self._ports.set_result(line.decode("utf-8", "replace"))
                        data = rest  # noqa: PLW2901 - what follows the first line
                self._said.append(data[-_LONGEST_LINE:])
            self.exit_code = await self._process.wait()
        except (ToolError, OSError):
            pass  # the channel is closed: the sandbox is gone
        finally:
            if self.exit_code is None:
                self.exit_code = _GONE
            if not self._ports.done():
                self._ports.set_exception(self._silent())
                self._ports.exception()  # it may be that nobody waits for it any more
            self._ended.set()

    def _silent(self) -> ToolError:
        text = b"".join(self._said).decode("utf-8", "replace")
        said = " ".join(text.split())[-300:]
        return ToolError(
            "unavailable",
            f"The kernel did not start in the sandbox{': ' + said if said else '.'}",
            "It needs python3 with ipykernel in the image, as 'jupyter-mcp/dev' has it.",
        )


def check_level(session: Session) -> None:
    """Refuse kernels where a sandbox's loopback is that of the host.

    Raises:
        ToolError: ``unsupported``.
    """
    if not session.capabilities.has_network_namespace:
        raise ToolError(
            "unsupported",
            f"At the isolation '{session.capabilities.isolation}' a kernel's ports would be open "
            "to the whole machine.",
            "Create the sandbox with isolation='bubblewrap' or 'container'.",
        )


def _told(connection: Mapping[str, Any]) -> dict[str, str]:
    """Return what a kernel has to know of its connection: how messages are signed."""
    key = connection["key"]
    return {
        "key": key.decode() if isinstance(key, bytes) else str(key),
        "signature_scheme": str(connection.get("signature_scheme", "hmac-sha256")),
        "kernel_name": "",
    }


def _ports_of(line: str) -> dict[str, int]:
    """Read the answer of `kernel_start`; whatever it says, ports are ports."""
    try:
        answer = json.loads(line)
        if answer.get("missing") == "ipykernel":
            raise ToolError(
                "unavailable",
                "There is no ipykernel in the sandbox.",
                "Use the image 'jupyter-mcp/dev', or install it: python3 -m pip install ipykernel.",
            )
        ports = {each: answer["ports"][f"{each}_port"] for each in CHANNELS}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        ports = {}
    if not ports or not all(map(_is_port, ports.values())):
        raise ToolError(
            "unavailable", "The kernel's answer makes no sense.", "Look at python3 in the image."
        )
    return ports


def _is_port(value: Any) -> bool:
    return type(value) is int and 0 < value < 65536  # noqa: PLR2004 - TCP; True is none
