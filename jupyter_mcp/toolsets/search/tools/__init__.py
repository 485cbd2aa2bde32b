"""What can be asked of search."""

from __future__ import annotations

from jupyter_mcp.calls import Toolset


class Search(Toolset):
    """Search: find code, notebooks and live variables by words and by meaning."""

    name = "search"
    title = "Search"
    description = "Find code, notebooks and live variables by words and by meaning."
