"""The kernels in sandboxes that Jupyter knows: which there are, and what becomes of them."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.kernels.kernel_specs import KernelSpecs

_log = logging.getLogger(__name__)


class SandboxKernels:
    """Kernels in sandboxes, from their start to the end of the sandbox.

    Args:
        jupyter: The Jupyter server's parts (`jupyter_mcp.calls.toolset.JupyterServices`).
        threads: Where files are read and written.
        tasks: The owner of background tasks.
        namespace: Which servers the sandboxes belong to.
        is_there: Whether a sandbox is still there.
    """

    def __init__(
        self,
        jupyter: Any,
        threads: Any,
        tasks: Any,
        namespace: str,
        is_there: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._kernels = jupyter.kernel_manager
        self._threads = threads
        self._tasks = tasks
        self._is_there = is_there
        folder = Path(jupyter.kernel_spec_manager.user_kernel_dir)
        self._specs = KernelSpecs(folder, namespace)
        self._running: dict[str, dict[str, Any]] = {}

    async def start(self, sandbox_id: str, title: str) -> tuple[str, str]:
        """Start a kernel in a sandbox and return its identifier and the kernelspec's name.

        Raises:
            ToolError: ``unavailable`` when it cannot be started.
        """
        name = await self._threads.run(self._specs.write, sandbox_id, title)
        try:
            kernel_id = str(await _settled(self._kernels.start_kernel(kernel_name=name)))
        except Exception as error:
            if not self._running.get(sandbox_id):
                await self._threads.run(self._specs.remove, sandbox_id)
            raise _refused(error) from error
        return kernel_id, name

    def launched(self, sandbox_id: str, kernel_id: str, manager: Any) -> None:
        """Note a kernel that runs in a sandbox, whoever started it."""
        self._running.setdefault(sandbox_id, {})[kernel_id] = manager

    def ended(self, sandbox_id: str) -> None:
        """Look what became of a sandbox whose agent is gone."""
        self._tasks.spawn(f"kernels of {sandbox_id}", self._bury(sandbox_id))

    async def sweep(self, living: set[str]) -> None:
        """Take away kernelspecs of sandboxes that are gone."""
        await self._threads.run(self._specs.sweep, living)

    async def _bury(self, sandbox_id: str) -> None:
        """Have Jupyter know that a sandbox is gone with its kernels.

        Where only the agent went, the sandbox is still there: Jupyter starts its kernels anew.
        """
        if await self._is_there(sandbox_id):
            return
        for kernel_id, manager in self._running.pop(sandbox_id, {}).items():
            await self._shut_down(kernel_id, manager)
        await self._threads.run(self._specs.remove, sandbox_id)

    async def _shut_down(self, kernel_id: str, manager: Any) -> None:
        """Take a kernel off Jupyter's list, and tell those who watch it that it is dead."""
        if kernel_id not in self._kernels or self._kernels.get_kernel(kernel_id) is not manager:
            return
        restarter = getattr(manager, "_restarter", None)
        try:
            await _whole(_settled(self._kernels.shutdown_kernel(kernel_id, now=True)))
        except Exception as error:  # noqa: BLE001 - the kernel is gone, whatever the manager says
            _log.warning("Kernel %s of a sandbox that is gone: %s", kernel_id, error)
        if restarter is not None:  # Jupyter itself calls it when a restart has failed
            restarter._fire_callbacks("dead")  # noqa: SLF001 - there is no public way


async def _whole(work: Coroutine[Any, Any, Any]) -> None:
    """Do work to its end, also when cancelled meanwhile.

    A shutdown that is cancelled half-way leaves a manager that says forever that it is about to be
    ready, and the server would wait for that when it stops (jupyter_client, `in_pending_state`).
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _refused(error: Exception) -> ToolError:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ToolError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ToolError):
        return cause
    what = f"The kernel could not be started: {str(error)[:200] or type(error).__name__}"
    return ToolError("unavailable", what, "See the server's log.")
