"""What stands for a value or a node while a workflow is built in Python.

None of it is known yet: it becomes ``${…}`` in the spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mcp.toolsets.workflows.spec.references import written


class Reference:
    """A value that is known when the workflow runs; its parts are had as of the value itself."""

    def __init__(self, *path: str | int) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):
            raise AttributeError(name)
        return Reference(*self._path, name)

    def __getitem__(self, key: str | int) -> Reference:
        return Reference(*self._path, key)

    def __str__(self) -> str:
        return written(self._path)

    def __repr__(self) -> str:
        return f"<Reference {self}>"

    def __iter__(self) -> Any:
        raise TypeError("What is in it is known when the workflow runs. Use Workflow.map.")

    def __bool__(self) -> bool:
        raise TypeError("Its value is known when the workflow runs. Use Workflow.decision.")


class Node:
    """A node of a workflow that is being built.

    Args:
        node_id: Its id.
    """

    def __init__(self, node_id: str) -> None:
        self.id = node_id

    @property
    def output(self) -> Reference:
        """Its result."""
        return Reference("nodes", self.id, "output")

    @property
    def status(self) -> Reference:
        """Its status."""
        return Reference("nodes", self.id, "status")

    def __str__(self) -> str:
        return str(self.output)

    def __repr__(self) -> str:
        return f"<Node {self.id}>"


def ids(nodes: Sequence[Node | str]) -> list[str]:
    """Return the ids of nodes."""
    return [node.id if isinstance(node, Node) else node for node in nodes]


def plain(value: Any) -> Any:
    """Return a value as it stands in a spec; what is None in a mapping is left out."""
    if isinstance(value, Reference | Node):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
