"""The notebooks toolset: notebooks, their cells, and the kernels that run them."""

from __future__ import annotations

from jupyter_mcp.toolsets.notebooks.tools.prompts import DocumentPrompts
from jupyter_mcp.toolsets.notebooks.tools.running import RunTools
from jupyter_mcp.toolsets.notebooks.tools.variables import VariableTools


class Notebooks(RunTools, VariableTools, DocumentPrompts):
    """Notebooks and kernels."""

    name = "notebooks"
    title = "Notebooks and kernels"
    description = "Read, edit and run live notebooks; use their kernels and variables."
    places = frozenset({"kernel_id"})
    # They leave out what the caller may not see; an output's name cannot be guessed.
    pathless = frozenset(
        {"notebook_list", "kernel_list", "resources", "output", "path", "kernel_id"}
    )
