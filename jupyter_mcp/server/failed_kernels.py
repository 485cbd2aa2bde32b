"""Kernels whose start failed, which Jupyter keeps as if they were starting for ever."""

from __future__ import annotations

from typing import Any


def forget_failed_kernels(kernel_manager: Any) -> None:
    """Have Jupyter forget kernels that it could not start, before it shuts down all that it has.

    jupyter_client takes a kernel off its list of those that are starting only when it has started
    (`MultiKernelManager._add_kernel_when_ready`). Jupyter's server asks each on that list to shut
    down, is told that there is no such kernel, and goes no further: with another kernel beside it,
    it would never end.

    Args:
        kernel_manager: That of the server.
    """
    starting: dict[str, Any] = getattr(kernel_manager, "_pending_kernels", {})
    for kernel_id, start in list(starting.items()):
        if start.done() and kernel_id not in kernel_manager:
            del starting[kernel_id]
