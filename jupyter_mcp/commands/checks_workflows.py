"""The doctor on workflows: the packages that run them, and a SQLite that keeps them."""

from __future__ import annotations

import sqlite3
import sys
from importlib.util import find_spec

from jupyter_mcp.commands.checks import Check, ok, warn
from jupyter_mcp.errors import ToolError

NEEDED = {"dbos": "workflows", "cel_expr_python": "workflows", "sqlalchemy": "workflows"}
"""Modules of a worker and the extra of ours that brings each."""

NEW_SQLITE = (3, 42, 0)
"""The first with ``unixepoch('subsec')``, which DBOS needs (measured: 3.40 fails)."""

OLD_CLOCK = (3, 12)
"""Before that version of Python DBOS does without SQLite's own clock (measured: 3.40 is enough)."""


def check_parts(*, is_distributed: bool) -> None:
    """Look whether a worker can run.

    Raises:
        ToolError: ``unavailable``, in one line.
    """
    needed = {**NEEDED, **({"psycopg": "postgres"} if is_distributed else {})}
    for module, extra in needed.items():
        if find_spec(module) is None:
            raise ToolError(
                "unavailable",
                f"Workflows need the package '{module.replace('_', '-')}', which is not installed.",
                f'Run: pip install "jupyter-mcp-workbench[{extra}]"',
            )
    if not is_distributed and not is_new_enough():
        raise ToolError(
            "unavailable",
            f"Workflows need SQLite 3.42 or newer; this Python has {sqlite3.sqlite_version}.",
            "Use another build of Python, or Postgres (database_url).",
        )


def is_new_enough(
    sqlite: tuple[int, ...] = sqlite3.sqlite_version_info,
    python: tuple[int, ...] = sys.version_info[:2],
) -> bool:
    """Return whether durable workflows can be kept in this SQLite."""
    return python < OLD_CLOCK or sqlite >= NEW_SQLITE


def workflows() -> Check:
    """Check whether workflows can run."""
    try:
        check_parts(is_distributed=False)
    except ToolError as error:
        return warn("workflows", error.message, error.remedy)
    return ok("workflows", "a worker can run them")
