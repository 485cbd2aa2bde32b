"""What can be asked of kernels: list, start, interrupt, restart, stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Context, Host, tool
from jupyter_mcp.calls.events import ResourceUpdated
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.execution import Execution
from jupyter_mcp.toolsets.notebooks.kernels import Kernels, KernelState
from jupyter_mcp.toolsets.notebooks.kernels_jupyter import JupyterKernels
from jupyter_mcp.toolsets.notebooks.spooling import OutputStore
from jupyter_mcp.toolsets.notebooks.tools.documents import DocumentTools
from jupyter_mcp.toolsets.notebooks.tools.sight import Sight
from jupyter_mcp.toolsets.notebooks.uris import VARIABLES

KernelId = Annotated[str | None, Field(description="Or give path")]
OfPath = Annotated[str | None, Field(description="Its notebook")]


class Kernel(Shape):
    """A kernel; busy_with: whose code runs."""

    kernel_id: str
    name: str
    state: str
    busy_with: str = ""
    queued: int = 0
    paths: list[str] = Field(default_factory=list)
    last_activity: str = ""


class KernelList(Shape):
    """Kernels that run, and the names that can be started."""

    kernels: list[Kernel]
    available: list[str]


class KernelStarted(Shape):
    """A kernel to use; new: false when the notebook had it already."""

    kernel_id: str
    name: str
    new: bool


class KernelChanged(Shape):
    """A kernel after something was done to it; `kernel_list` tells more."""

    kernel_id: str
    state: str


class KernelTools(DocumentTools):
    """Tools on the life of kernels."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.outputs = OutputStore(host.state / "outputs", host.executor.run)
        self._engine: Execution | None = None
        self._kernels: Kernels | None = None
        self._source: JupyterKernels | None = None
        if host.jupyter is not None:
            services = host.jupyter
            self._source = JupyterKernels(
                services.kernel_manager,
                services.kernel_spec_manager,
                services.session_manager,
                host.executor.run,
            )
            self._engine = Execution(self._source, host.tasks.spawn, self.outputs)
            self._kernels = Kernels(self._source, self._engine, self.documents.open)

    async def stop(self) -> None:
        """Close the connections to kernels, then let go of the notebooks."""
        if self._engine is not None:
            await self._engine.stop()
        await super().stop()

    @property
    def kernels(self) -> Kernels:
        """The kernels; ToolError ``unavailable`` where there are none."""
        if self._kernels is None:
            raise _no_kernels()
        return self._kernels

    @property
    def engine(self) -> Execution:
        """The engine; ToolError ``unavailable`` where there are no kernels."""
        if self._engine is None:
            raise _no_kernels()
        return self._engine

    @tool(scope="read", title="List kernels")
    async def kernel_list(self, ctx: Context) -> KernelList:
        """Running kernels with state and notebooks, and the names that can be started."""
        sight = Sight(self.host, ctx)
        seen = ((each, sight.of_kernel(each.record.paths)) for each in await self.kernels.states())
        kernels = [_kernel(state, paths) for state, paths in seen if paths is not None]
        names = await self._source.names() if self._source is not None else []
        return KernelList(kernels=kernels, available=names)

    @tool(scope="execute", title="Start a kernel")
    async def kernel_start(
        self,
        name: Annotated[str | None, Field(description="As kernel_list shows available")] = None,
        path: OfPath = None,
    ) -> KernelStarted:
        """Start a kernel, for a notebook if path is given (which keeps the one it has)."""
        kernel_id, new = await self.kernels.start(name, path)
        state = await self.kernels.state(kernel_id)
        return KernelStarted(kernel_id=kernel_id, name=state.record.name, new=new)

    @tool(scope="execute", title="Interrupt a kernel", idempotent=True, restrains=True)
    async def kernel_interrupt(self, kernel_id: str) -> KernelChanged:
        """Interrupt what a kernel runs, also a person's code; variables are kept."""
        state = await self.kernels.interrupt(kernel_id)
        return KernelChanged(kernel_id=kernel_id, state=state.state)

    @tool(scope="execute", title="Restart a kernel", destructive=True)
    async def kernel_restart(self, kernel_id: str) -> KernelChanged:
        """Restart a kernel; its variables are lost."""
        state = await self.kernels.restart(kernel_id)
        self.variables_changed(kernel_id)
        return KernelChanged(kernel_id=kernel_id, state=state.state)

    @tool(scope="execute", title="Stop a kernel", destructive=True)
    async def kernel_stop(self, kernel_id: str) -> KernelChanged:
        """Stop a kernel; its variables are lost."""
        await self.kernels.stop(kernel_id)
        self.variables_changed(kernel_id)
        return KernelChanged(kernel_id=kernel_id, state="stopped")

    async def paths_of(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the notebooks that a call touches, those of its kernel too."""
        named = list(await super().paths_of(values) or ())
        kernel_id = values.get("kernel_id")
        if kernel_id is None:
            return named or None
        used = [] if self._source is None else await self._source.paths_of(str(kernel_id))
        return [*named, *used] if used else None

    def variables_changed(self, kernel_id: str) -> None:
        """Tell those who watch the variables of a kernel."""
        uri = VARIABLES.replace("{kernel_id}", kernel_id)
        self.host.events.publish(ResourceUpdated(uri))


def _kernel(state: KernelState, paths: list[str]) -> Kernel:
    return Kernel(
        kernel_id=state.record.id,
        name=state.record.name,
        state=state.state,
        busy_with=state.busy_with,
        queued=state.queued,
        paths=paths,
        last_activity=state.record.last_activity,
    )


def _no_kernels() -> ToolError:
    return ToolError(
        "unavailable", "There are no kernels to manage here.", "Start a Jupyter server: jupyter lab"
    )
