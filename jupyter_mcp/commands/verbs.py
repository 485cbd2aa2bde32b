"""The first word of a command that does several things, such as ``token create``."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jupyter_mcp.errors import ToolError


def verb_of(words: list[str], verbs: Mapping[str, Collection[int]]) -> tuple[str, list[str]]:
    """Return the first word and what follows.

    Args:
        words: What stands on the command line besides options.
        verbs: How many words may follow each first word.

    Raises:
        ToolError: ``invalid_arguments`` when they do not fit.
    """
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb not in verbs:
        what = f"There is no '{verb[:40]}' here." if verb else "Say what to do."
        raise ToolError("invalid_arguments", what, f"Choose from: {', '.join(verbs)}.")
    if len(rest) not in verbs[verb]:
        many = " or ".join(str(count or "no") for count in sorted(verbs[verb]))
        noun = "word" if max(verbs[verb]) == 1 else "words"
        what = f"'{verb}' takes {many} more {noun}."
        raise ToolError("invalid_arguments", what, "Options begin with --.")
    return verb, rest
