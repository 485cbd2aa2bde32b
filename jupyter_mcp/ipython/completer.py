"""Completes tools, arguments and values after ``%mcp``.

The list of tools is that of the last listing, else one is fetched; a person who presses Tab waits
for at most a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from jupyter_mcp.ipython import search_words
from jupyter_mcp.ipython.sandbox_words import SUBWORDS
from jupyter_mcp.ipython.schema import ToolInfo, choices
from jupyter_mcp.ipython.trust_words import WORDS
from jupyter_mcp.ipython.workflow_words import STEER, WorkflowWords
from jupyter_mcp.ipython.workflow_words import SUBWORDS as WORKFLOW_WORDS

SECONDS = 1.0
"""How long a completion may wait for the server."""

NOTEBOOKS = "notebook://{+path}"
"""The resource template whose variable is a notebook's path."""

_CALL = re.compile(r"^\s*%{1,2}mcp\s+(?:call\s+|help\s+)?(?P<tool>[\w-]+)\s+(?P<rest>.*)$")
_NAME = re.compile(r"^\s*%{1,2}mcp\s+(?P<before>(?:call\s+|help\s+)?)(?P<prefix>[\w-]*)$")
_GIVEN = re.compile(r"(?<!\S)([A-Za-z_]\w*):?=")
_LAST = re.compile(r"(?:^|\s)(?P<name>[A-Za-z_]\w*)(?P<operator>:?=)(?P<prefix>[^\s\"']*)$")
_SANDBOX = re.compile(r"^\s*%{1,2}mcp\s+sandbox\s+(?P<prefix>\w*)$")
_COMMANDS = (
    "tools",
    "help",
    "connect",
    "disconnect",
    "jobs",
    "sandbox",
    "workflow",
    *search_words.WORDS,
    *WORDS,
)


_WORKFLOW = re.compile(r"^\s*%mcp\s+workflow\s+(?P<before>(?:\S+\s+)?)(?P<prefix>\S*)$")
_OF_RUNS = frozenset({"show", *STEER, "fork", "answer"})
_OF_TEMPLATES = frozenset({"run", "edit"})


class HasClient(Protocol):
    """Whoever holds the client that knows the tools."""

    @property
    def client(self) -> Any:
        """The client, connected when it is first asked for."""
        ...

    @property
    def workflows(self) -> WorkflowWords:
        """What knows the runs and templates of workflows."""
        ...


class Completer:
    """The matcher of one shell.

    Args:
        magics: Whose client knows the tools.
    """

    def __init__(self, magics: HasClient) -> None:
        self._magics = magics

        @context_matcher(identifier="jupyter_mcp")  # type: ignore[untyped-decorator]
        def matcher(context: CompletionContext) -> Any:
            return self.match(context)

        self.matcher = matcher

    def match(self, context: CompletionContext) -> dict[str, Any]:
        """Return the completions at the cursor; none outside of ``%mcp``."""
        line = context.text_until_cursor
        if not line.lstrip().startswith(("%mcp", "%%mcp")):
            return {"completions": [], "suppress": False}
        found = [
            SimpleCompletion(_from_token(text, line, context.token), type="mcp")
            for text in self._candidates(line)
        ]
        return {"completions": found, "suppress": bool(found)}

    def _candidates(self, line: str) -> Iterable[str]:
        """Yield what the last word of the line can become."""
        if (found := search_words.completions(line)) is not None:
            return found
        if match := _SANDBOX.match(line) or _WORKFLOW.match(line):
            before = match.groupdict().get("before")
            words = SUBWORDS if before is None else self._workflows(before.strip())
            return [word for word in words if word.startswith(match["prefix"])]
        if match := _NAME.match(line):
            names = [*self._tools(), *(() if match["before"] else _COMMANDS)]
            return [name for name in names if name.startswith(match["prefix"])]
        match = _CALL.match(line)
        info = self._tools().get(match["tool"]) if match else None
        if match is None or info is None:
            return []
        if last := _LAST.search(match["rest"]):
            return self._values(info, last["name"], last["operator"], last["prefix"])
        return _names(info, match["rest"])

    def _values(self, info: ToolInfo, name: str, operator: str, prefix: str) -> list[str]:
        spec = info.arguments.get(name, {})
        values = [v if isinstance(v, str) else str(v).lower() for v in choices(info, spec)]
        if not values and name == "path":
            values = self._paths(prefix)
        return [f"{name}{operator}{value}" for value in values if value.startswith(prefix)]

    def _workflows(self, word: str) -> Iterable[str]:
        """Return what can follow ``%mcp workflow`` or one of its words."""
        try:
            if word in _OF_RUNS:
                return self._magics.workflows.ids(SECONDS)
            if word in _OF_TEMPLATES:
                return self._magics.workflows.names(SECONDS)
        except Exception:  # noqa: BLE001 - whatever went wrong, a completion has nothing to say
            return []
        return () if word else WORKFLOW_WORDS

    def _paths(self, prefix: str) -> list[str]:
        try:
            found: list[str] = self._magics.client.complete(NOTEBOOKS, "path", prefix, SECONDS)
        except Exception:  # noqa: BLE001 - whatever went wrong, a completion has nothing to say
            return []
        return [path for path in found if " " not in path]

    def _tools(self) -> dict[str, ToolInfo]:
        client = self._magics.client
        if not client.known:
            try:
                client.tools(timeout=SECONDS)
            except Exception:  # noqa: BLE001 - whatever went wrong, a completion has nothing to say
                return {}
        known: dict[str, ToolInfo] = client.known
        return known


def _names(info: ToolInfo, rest: str) -> list[str]:
    given = set(_GIVEN.findall(rest))
    prefix = "" if not rest or rest[-1].isspace() else rest.rsplit(maxsplit=1)[-1]
    return [f"{n}=" for n in info.arguments if n.startswith(prefix) and n not in given]


def _from_token(text: str, line: str, token: str) -> str:
    """Return the part of a completed word that replaces IPython's `token`.

    IPython replaces the token alone, which may be shorter than the word (it ends at ``=``) or hold
    more than it.
    """
    word = re.split(r"\s", line)[-1]
    if len(token) <= len(word):
        return text[len(word) - len(token) :]
    return token[: len(token) - len(word)] + text
