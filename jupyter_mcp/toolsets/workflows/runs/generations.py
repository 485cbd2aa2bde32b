"""How far workflows may start workflows: one that starts itself would never come to an end.

The limits of how many run at once stop no such chain, they only make it slow, and to cancel a run
does not cancel what it has started.
"""

from __future__ import annotations

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal

MOST = 3
"""Workflows that may have started each other, one after the other, after the first."""


def check_generation(principal: Principal) -> None:
    """Let somebody start a workflow.

    Raises:
        ToolError: ``too_deep`` for a workflow that others have started, and those others.
    """
    # each run acts for who has started it, so a run of a run has two workflows in its line
    if sum(each.is_workflow for each in principal.lineage()) > MOST:
        raise ToolError(
            "too_deep",
            f"Workflows that start workflows are {MOST + 1} deep already.",
            "Use a subworkflow, a map or a schedule; none of them has to start itself.",
        )


def check_again(principal: Principal) -> None:
    """Let somebody do a run again.

    Raises:
        ToolError: ``forbidden`` for a workflow: it could do so for ever.
    """
    if principal.is_workflow:
        raise ToolError(
            "forbidden",
            "A workflow does not do others again.",
            "Give its nodes a 'retry', or let whoever looks after it do that.",
        )
