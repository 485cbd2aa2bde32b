"""The table of embedders: what the setting ``search_embedder`` can name."""

from __future__ import annotations

from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError

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
    kind, _, text = (spec if isinstance(spec, str) else "").strip().partition(":")
    makers: dict[str, Callable[[str, Mapping[str, Any]], Embedder]] = {
        "static": _static,
        "onnx": _onnx,
        "chroma": _chroma,
    }
    if kind in makers and bool(text) == (kind != "static"):
        return partial(makers[kind], text, dict(options or {}))
    for entry in entry_points(group=GROUP):
        if entry.name == kind and kind not in makers:
            return partial(_other, entry, text, dict(options or {}))
    others = sorted({entry.name for entry in entry_points(group=GROUP)})
    known = ", ".join(["static", "onnx:/folder", "chroma:NAME (such as chroma:ollama)", *others])
    raise ToolError(
        "invalid_arguments",
        f"There is no embedder {spec!r}.",
        f"Set search_embedder to one of: {known}.",
    )


def _static(_: str, options: Mapping[str, Any]) -> Embedder:
    from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder

    _no_options("static", options)
    return StaticEmbedder()


def _onnx(text: str, options: Mapping[str, Any]) -> Embedder:
    from jupyter_mcp.toolsets.search.embedding.onnx import OnnxEmbedder

    threads = options.get("threads", 1)
    _no_options("onnx", {name: options[name] for name in options if name != "threads"})
    if not isinstance(threads, int) or threads < 1:
        raise ToolError("invalid_arguments", f"onnx: threads is a number from 1, not {threads!r}.")
    return OnnxEmbedder(Path(text).expanduser(), threads)


def _chroma(text: str, options: Mapping[str, Any]) -> Embedder:
    from jupyter_mcp.toolsets.search.embedding.chroma_functions import ChromaFunctionEmbedder

    return ChromaFunctionEmbedder(text, options)


def _other(entry: Any, text: str, options: Mapping[str, Any]) -> Embedder:
    try:
        made: Embedder = entry.load()(text, options)
    except ToolError:
        raise
    except Exception as error:
        raise ToolError(
            "unavailable",
            f"The embedder {entry.name} ({entry.value}) cannot be made ({type(error).__name__}: "
            f"{error}).",
            "Look at search_embedder_options, or update the package that has it.",
        ) from error
    return made


def _no_options(kind: str, options: Mapping[str, Any]) -> None:
    if options:
        raise ToolError(
            "invalid_arguments",
            f"The embedder {kind} does not take {', '.join(sorted(options))}.",
            "Change search_embedder_options.",
        )
