"""Starts Jupyter's kernels in sandboxes: the other end of what `kernel_specs` describes.

Jupyter makes one for each kernel whose kernelspec names it. It finds the service by the kernel
manager it belongs to: through the server's extension, which it starts if need be, or, in a kernel
without a server, through what the tool left on the manager.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Unicode

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.kernels.kernel_start import CHANNELS
from jupyter_mcp.toolsets.sandboxes.kernels.kernels import SandboxKernel, check_level

ATTRIBUTE = "jupyter_mcp_sandboxes"
"""Where the tool leaves the toolset on a kernel manager that belongs to no server."""
EXTENSION = "jupyter_mcp"


class SandboxProvisioner(KernelProvisionerBase):
    """A kernel in a sandbox, as Jupyter manages it."""

    sandbox_id = Unicode(help="The sandbox.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pid: str | None = None
        self._kernel: SandboxKernel | None = None
        self._folder: Path | None = None
        self._use = AsyncExitStack()

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return self._kernel is not None

    async def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return 0 if self._kernel is None else self._kernel.exit_code

    async def wait(self) -> int | None:
        """Wait for its end."""
        kernel = self._kernel
        if kernel is None:
            return 0
        code = await kernel.wait()
        await self._let_go()
        return code

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel's process group; 0 only asks whether it is there."""
        if self._kernel is not None and signum:
            try:
                await self._kernel.signal(signum)
            except ToolError as error:
                self.log.debug("No signal %s to the kernel: %s", signum, error)

    async def kill(self, restart: bool = False) -> None:
        """Kill it."""
        del restart
        if self._kernel is not None:
            try:
                await self._kernel.kill()
            except ToolError as error:
                self.log.debug("The kernel is gone: %s", error)

    async def terminate(self, restart: bool = False) -> None:
        """Ask it to end."""
        del restart
        await self.send_signal(signal.SIGTERM)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose the sockets by which Jupyter reaches it, in a private folder."""
        manager: Any = self.parent
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="jupyter-mcp-"))
            manager.transport = "ipc"
            manager.ip = str(self._folder / "k")
        session = kwargs.get("env", {}).get("JPY_SESSION_NAME", "")
        manager.write_connection_file(jupyter_session=session)
        self.connection_info = manager.get_connection_info()
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start it in the sandbox; nothing of the server's environment goes in.

        Raises:
            ToolError: When there is no such sandbox, or no kernel starts in it.
        """
        del cmd, kwargs
        toolset = await toolset_of(self.parent)
        service = toolset.sandboxes
        try:
            check_level(await service.get(self.sandbox_id, None))
            link = await self._use.enter_async_context(service.using(self.sandbox_id, None))
            self._kernel = await SandboxKernel.start(
                link, toolset.host.tasks, self.connection_info, self._sockets()
            )
        except BaseException:
            await self.cleanup()
            raise
        self.pid = f"{self.sandbox_id}:{self._kernel.pid}"
        toolset.kernels.launched(self.sandbox_id, self.kernel_id, self.parent)
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """End what is left of it, and the way to it; the folder stays for a restart."""
        await self._let_go()
        if self._folder is not None and not restart:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _sockets(self) -> dict[str, str]:
        ip = self.connection_info["ip"]
        return {each: f"{ip}-{self.connection_info[f'{each}_port']}" for each in CHANNELS}  # type: ignore[literal-required]

    async def _let_go(self) -> None:
        kernel, self._kernel = self._kernel, None
        use, self._use = self._use, AsyncExitStack()
        if kernel is not None:
            await kernel.end()
        await use.aclose()


async def toolset_of(manager: Any) -> Any:
    """Return the sandboxes toolset that serves a kernel manager.

    Args:
        manager: The manager of one kernel.

    Raises:
        ToolError: ``unavailable`` where there is none.
    """
    managers = getattr(manager, "parent", None)
    toolset = getattr(managers, ATTRIBUTE, None)
    extensions = getattr(getattr(managers, "parent", None), "extension_manager", None)
    if toolset is None and extensions is not None:
        for extension in extensions.extension_apps.get(EXTENSION, ()):
            served = await extension.starter.ready()
            toolset = served.runtime.host.neighbours.places
    if toolset is None:
        raise ToolError(
            "unavailable",
            "This kernel runs in a sandbox of a Jupyter server, and that is not here.",
            "Start it from the server with the 'sandboxes' toolset that made the sandbox.",
        )
    return toolset
