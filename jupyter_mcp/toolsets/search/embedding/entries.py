"""The table of embedders: what the setting ``search_embedder`` can name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_mcp.toolsets.search.embedding.embedder import Embedder

GROUP = "jupyter_mcp.embedders"
"""Entry points of other packages: a callable of the text after ``:`` and the options, which
returns an `Embedder`."""


def embedder_of(spec: str, options: Mapping[str, Any] | None = None) -> Callable[[], Embedder]:
    """Return what makes the embedder that a setting names; nothing is loaded before it is called.

    Args:
        spec: ``static``, ``onnx:/folder``, ``chroma:NAME``, or an entry point ``NAME`` or
            ``NAME:text``.
        options: Arguments of that embedder.

    Raises:
        ToolError: ``invalid_arguments`` when there is no such embedder.
    """
    raise NotImplementedError
