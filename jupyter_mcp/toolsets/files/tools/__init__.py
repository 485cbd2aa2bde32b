"""The files toolset: files and git, in the Jupyter root and in sandboxes."""

from __future__ import annotations

from jupyter_mcp.toolsets.files.tools.copies import CopyTools
from jupyter_mcp.toolsets.files.tools.files import FileTools
from jupyter_mcp.toolsets.files.tools.git_sessions import GitSessionTools


class Files(FileTools, CopyTools, GitSessionTools):
    """Files and git."""

    name = "files"
    title = "Files and git"
    description = "Files and git repositories, in the Jupyter root and in sandboxes."
    # They leave out what the caller may not see.
    pathless = frozenset({"file_list", "file_search"})
