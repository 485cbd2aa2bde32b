"""The parts of a Jupyter server that a runtime needs, built where there is no server."""

from __future__ import annotations

from pathlib import Path

from jupyter_mcp.calls import JupyterServices


def services(root: Path) -> JupyterServices:
    """Return contents, kernels and sessions for the folder `root`; slow to import."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
    from jupyter_server.services.sessions.sessionmanager import SessionManager

    specs = KernelSpecManager()
    contents = AsyncLargeFileManager(root_dir=str(root))
    kernels = AsyncMappingKernelManager(root_dir=str(root), kernel_spec_manager=specs)  # type: ignore[no-untyped-call]
    sessions = SessionManager(kernel_manager=kernels, contents_manager=contents)  # type: ignore[no-untyped-call]
    return JupyterServices(
        contents_manager=contents,
        kernel_manager=kernels,
        kernel_spec_manager=specs,
        session_manager=sessions,
        root_dir=str(root),
    )


async def close(made: JupyterServices) -> None:
    """End the kernels of what `services` made, and close its database in that same thread."""
    await made.kernel_manager.shutdown_all(now=True)
    made.session_manager.close()
    made.session_manager.connection.close()
