"""The search toolset: what stands in the project, its notebooks, packages and variables."""

from __future__ import annotations

from jupyter_mcp.toolsets.search.tools.resources import SearchResources


class Search(SearchResources):
    """Search: find code, notebooks and live variables by words and by meaning."""

    name = "search"
    title = "Search"
    description = "Find code, notebooks and live variables by words and by meaning."
    # They leave out what the caller may not see.
    pathless = frozenset({"search", "index_status", "index_sources", "answer_from_project"})
