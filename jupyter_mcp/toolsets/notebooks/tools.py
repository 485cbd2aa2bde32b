"""The notebooks toolset: notebooks, their cells, and the kernels that run them."""

from __future__ import annotations

from jupyter_mcp.toolsets.notebooks.tools_prompts import DocumentPrompts


class Notebooks(DocumentPrompts):
    """Notebooks and kernels."""

    name = "notebooks"
    title = "Notebooks and kernels"
    description = "Read, edit and run live notebooks; use their kernels and variables."
