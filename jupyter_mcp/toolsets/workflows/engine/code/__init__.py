"""Python code of processing nodes: how it gets into a kernel or a sandbox, and its result back."""

from __future__ import annotations

from jupyter_mcp.toolsets.workflows.engine.code.kernel import run_in_kernel
from jupyter_mcp.toolsets.workflows.engine.code.sandbox import run_in_sandbox

__all__ = ["run_in_kernel", "run_in_sandbox"]
