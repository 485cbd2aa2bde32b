"""Jupyter kernels in sandboxes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.calls.toolset import JupyterServices
from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.sql_store import namespace_of
from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxId, SandboxToolset

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.kernels.kernels_jupyter import SandboxKernels
    from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes

_LONGEST_TITLE = 80


class SandboxKernelStarted(Shape):
    """A kernel in a sandbox."""

    kernel_id: str
    kernel_name: str
    display_name: str
    sandbox_id: str
    isolation: str


class KernelTools(SandboxToolset):
    """Jupyter kernels in sandboxes."""

    @cached_property
    def kernels(self) -> SandboxKernels:
        """The kernels in sandboxes, imported at first use.

        Raises:
            ToolError: ``unavailable`` where there are no kernels.
        """
        from jupyter_mcp.toolsets.sandboxes.kernels.kernels_jupyter import SandboxKernels

        return SandboxKernels(
            self._jupyter(),
            self.host.executor,
            self.host.tasks,
            namespace_of(self.host.state),
            self._is_there,
        )

    def began(self, sandboxes: Sandboxes) -> None:
        """Follow the ends of sandboxes and sweep what an earlier server left behind."""
        if self.host.jupyter is None:
            return
        sandboxes.on_end(self.kernels.ended)
        self.host.tasks.spawn("sweep kernels of sandboxes", self._sweep())

    @tool(scope="execute", title="Start a kernel in a sandbox")
    async def sandbox_kernel(
        self,
        ctx: Context,
        sandbox_id: SandboxId,
        name: Annotated[
            str, Field(max_length=_LONGEST_TITLE, description="What people see in the launcher")
        ] = "",
    ) -> Reply[SandboxKernelStarted]:
        """Start a Python kernel in a sandbox, so that notebooks run there.

        Use kernel_id with kernel_execute, or kernel_name in a notebook: kernel_start(path=…,
        name=kernel_name). It ends with the sandbox.
        """
        from jupyter_mcp.toolsets.sandboxes.kernels.kernels import check_level

        session = await self.sandboxes.get(sandbox_id, self.seen_by(ctx))
        check_level(session)
        setattr(self._jupyter().kernel_manager, _attribute(), self)
        title = " ".join(name.split()) or f"Python in sandbox {session.name or session.id}"
        kernel_id, kernel_name = await self.kernels.start(session.id, title)
        value = SandboxKernelStarted(
            kernel_id=kernel_id,
            kernel_name=kernel_name,
            display_name=title,
            sandbox_id=session.id,
            isolation=str(session.capabilities.isolation),
        )
        line = f"Kernel {kernel_id} runs in {session.id} ({value.isolation}) as '{kernel_name}'."
        return Reply(value, [Text(line)])

    def _jupyter(self) -> JupyterServices:
        if self.host.jupyter is None:
            raise ToolError("unavailable", "There is no Jupyter server here.", "Use terminal_run.")
        return self.host.jupyter

    async def _is_there(self, sandbox_id: str) -> bool:
        try:
            await self.sandboxes.get(sandbox_id, None)
        except ToolError as error:
            return error.code != "not_found"
        return True

    async def _sweep(self) -> None:
        try:
            living = {session.id for session in await self.sandboxes.list(None)}
        except ToolError:
            return  # nobody knows which are left: then all stay
        await self.kernels.sweep(living)


def _attribute() -> str:
    from jupyter_mcp.toolsets.sandboxes.kernels.provisioner_jupyter import ATTRIBUTE

    return ATTRIBUTE
