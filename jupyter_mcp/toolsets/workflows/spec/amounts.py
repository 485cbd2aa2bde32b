"""How large a value becomes when its references are put in.

An output is 1 MiB at most, but a small spec can name it a hundred thousand times, and each time it
is copied. Such a node would take the worker with it, and the next worker after that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec.costs import measured
from jupyter_mcp.toolsets.workflows.spec.references import Reference, find, look_up

LARGEST = 64 << 20
"""Bytes of what all references of one value bring."""


def refuse_too_much(value: Any, scope: Mapping[str, Any]) -> None:
    """Refuse a value that would become too large; one reference alone never is.

    Args:
        value: JSON data with references.
        scope: As `references.resolve` takes it.

    Raises:
        ToolError: ``too_large``; what starts like a reference and is none, as `references.find`.
    """
    every = list(find(value))
    if len(every) < 2:  # noqa: PLR2004
        return
    named = Counter(reference.path for reference in every)
    found = {reference.path: reference for reference in every}
    if sum(_size(found[path], scope) * many for path, many in named.items()) > LARGEST:
        raise ToolError(
            "too_large",
            f"Its references bring more than {LARGEST >> 20} MiB.",
            "Name large outputs once, or write them to a file and pass its path.",
        )


def _size(reference: Reference, scope: Mapping[str, Any]) -> int:
    try:
        return measured(look_up(reference, scope)).total
    except ToolError:  # it leads nowhere, which is told where it is put in
        return 0
