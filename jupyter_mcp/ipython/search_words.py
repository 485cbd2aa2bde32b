r"""``%mcp search …`` and ``%mcp index …``: find code, notebooks, docs and variables.

    %mcp search where do I normalise the counts
    %mcp search in:notebooks path:analysis read the csv
    %mcp search --mode regex --limit 20 def \w+_counts
    %mcp index [status]                  what is in the index and what is not
    %mcp index update [PATH]             bring it up to date now
    %mcp index drop [SOURCE]             forget it; the next search begins anew

What follows ``search`` is the question as it stands, quotes and all. The variables that ``in:vars``
finds are those of the notebook's own kernel: they are read in this process, because a kernel that
runs the cell which asks cannot answer a server meanwhile.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython.core.error import UsageError

from jupyter_mcp.ipython import own_kernel
from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.hits import Found, links_of
from jupyter_mcp.ipython.words import Word

WORDS = ("search", "index")
"""The words."""

SUBWORDS = ("status", "update", "drop")
"""The words after ``index``."""

SCOPES = ("code", "notebooks", "docs", "vars", "all")
"""What can follow ``in:``."""

MODES = ("hybrid", "lexical", "dense", "regex", "literal")
"""What can follow ``--mode``."""

OPTIONS: Mapping[str, str] = {
    "--in": "scope",
    "--scope": "scope",
    "--path": "path",
    "--mode": "mode",
    "--limit": "limit",
    "--language": "language",
    "--kernel": "kernel_id",
}
"""The options, and the arguments of the tool behind them."""

USAGE = (
    "Write %mcp search [--in SCOPE] [--path PATH] [--mode MODE] [--limit N] [--language LANGUAGE] "
    "[-o VARIABLE] and what to find."
)

LIMIT = 10
"""Hits that are shown where nobody says how many."""

_UNTOLD: Mapping[str, Any] = {"symbol": None, "cell_id": None, "language": None, "kind": None}
"""What a hit has none of is not sent."""

_LINE = re.compile(r"\s*search(?:\s+(?P<rest>.*))?\Z", re.DOTALL)
_AS_TOOL = re.compile(r"query:?=")
_OPTION = re.compile(r"""(?<!\S)(--[a-z]+|-o)(?:[ \t=]+("[^"]*"|'[^']*'|\S+))?(?:\s+|\Z)""")
_COMPLETED = re.compile(
    r"\s*%{1,2}mcp\s+(?P<word>search|index)\s+(?P<before>(?:\S+\s+)*)(?P<prefix>\S*)\Z"
)
_NOTHING = "Nothing was found"
_UNDER_WAY = re.compile(r"ask again|so far|may not be all")
"""What the server says of an index that is not complete."""

_OF_KERNEL = re.compile(r"(?<!\S)in:\S*(?:var|all|everything)", re.IGNORECASE)


def question_in(line: str) -> str | None:
    """Return what a line ``search …`` asks; None for another line, or arguments of the tool."""
    match = _LINE.match(line)
    rest = (match["rest"] or "") if match else ""
    return None if match is None or _AS_TOOL.match(rest) else rest.strip()


def wish(question: str) -> tuple[dict[str, Any], str]:
    """Return the arguments of the tool ``search`` behind a question, and what ``-o`` names.

    What stands behind `` -- `` is never an option.

    Raises:
        UsageError: For options that nobody understands, or nothing to find.
    """
    arguments: dict[str, Any] = {}
    target = ""

    def take(option: re.Match[str]) -> str:
        nonlocal target
        value = (option[2] or "").strip("\"'")
        if option[1] == "-o" and value:
            target = value
        elif option[1] in OPTIONS and value:
            arguments[OPTIONS[option[1]]] = value
        else:
            raise UsageError(USAGE)
        return ""

    before, dashes, after = f" {question}".partition(" -- ")
    text = f"{_OPTION.sub(take, before)} {after if dashes else ''}".strip()
    if "limit" in arguments:
        if not arguments["limit"].isdecimal():
            raise UsageError(f"--limit wants a number. {USAGE}")
        arguments["limit"] = int(arguments["limit"])
    if not text:
        raise UsageError(USAGE)
    return {"query": text, **arguments}, target


class SearchWords:
    """The words ``search`` and ``index``.

    Args:
        client: Returns the client that calls the tools.
        bar: Returns what shows a call's progress.
        namespace: Returns the variables of this kernel that a person made.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        bar: Callable[[str], Any],
        namespace: Callable[[], dict[str, Any]],
    ) -> None:
        self._client = client
        self._bar = bar
        self._namespace = namespace

    def search(self, arguments: Mapping[str, Any]) -> Found:
        """Search and return what to show.

        Raises:
            ToolError: What the server refuses.
        """
        hits, notes = self._asked(arguments)
        if not hits:  # ours is in the words of the magic
            told = [note for note in notes if not note.startswith(_NOTHING)]
            notes = [*told, *_advice(arguments, told)]
        session = os.environ.get("JPY_SESSION_NAME", "") if own_kernel.kernel_id() else ""
        return Found(hits, notes, links_of(self._client().server, session))

    def carry_out(self, words: list[Word]) -> Table:
        """Do what stands after ``index``.

        Raises:
            UsageError: For words that nobody understands.
            ToolError: What the server refuses.
        """
        texts = [f"{each.key}={each.value}" if each.key else each.value for each in words]
        match texts:
            case [] | ["status"]:
                return _status(self._call("index_status", {}).structured)
            case ["update", *path]:
                named = {"path": " ".join(path)} if path else {}
                return _line(self._call("index_update", {**named, "wait": True}))
            case ["drop", *source] if len(source) <= 1:
                gone = self._call("index_drop", {"source": source[0]} if source else {})
                names = ", ".join(gone["dropped"])
                told = f"Forgotten: {names}. The next search begins anew." if names else ""
                return Table([], [], told or "There is no index to forget.")
            case _:
                raise UsageError(f"Write %mcp index {'|'.join(SUBWORDS)}.")

    def _asked(self, arguments: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        if not own_kernel.kernel_id() or not _is_of_kernel(arguments):
            return self._from_server(arguments)
        from jupyter_mcp.ipython.own_variables import KernelQuestion, merged

        asked = KernelQuestion.of(arguments)
        limit = int(arguments.get("limit", LIMIT))
        found = {"vars": asked.answered(self._namespace(), limit)}
        notes: list[str] = []
        for part in asked.elsewhere:
            hits, told = self._from_server({**arguments, **part})
            found[part["scope"]] = hits
            notes += told
        return merged(found, limit), notes

    def _from_server(self, arguments: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        told = self._call("search", arguments).structured
        return [{**_UNTOLD, **hit} for hit in told["hits"]], list(told.get("notes") or ())

    def _call(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        bar = self._bar(tool)
        result = self._client().call_tool(tool, dict(arguments), bar)
        bar.end(result.seconds)
        return result


def completions(line: str) -> list[str] | None:
    """Return what the last word of a ``%mcp search`` or ``%mcp index`` line can become.

    Returns:
        None for another line.
    """
    match = _COMPLETED.match(line)
    if match is None or _AS_TOOL.match(match["before"] + match["prefix"]):
        return None
    before, prefix = match["before"].split(), match["prefix"]
    if match["word"] == "index":
        candidates: Iterable[str] = () if before else SUBWORDS
    elif before and before[-1] in {"--in", "--scope"}:
        candidates = SCOPES
    elif before and before[-1] == "--mode":
        candidates = MODES
    elif prefix.startswith(("-", "in:")):
        candidates = (*OPTIONS, *(f"in:{scope}" for scope in SCOPES))
    else:
        candidates = ()
    return [each for each in candidates if each.startswith(prefix)]


def _is_of_kernel(arguments: Mapping[str, Any]) -> bool:
    if "kernel_id" in arguments:
        return False
    return arguments.get("scope") in {"vars", "all"} or bool(_OF_KERNEL.search(arguments["query"]))


def _advice(arguments: Mapping[str, Any], notes: list[str]) -> list[str]:
    """Say what to try where nothing was found."""
    if any(map(_UNDER_WAY.search, notes)):
        return [f"{_NOTHING} yet."]
    tries = ["other or fewer words", "in:all"]
    tries += ["no --path"] if "path" in arguments else []
    tries += ["--mode literal"] if arguments.get("mode", "hybrid") == "hybrid" else []
    return [f"{_NOTHING}. Try {', '.join(tries)}; '%mcp index status' tells what is left out."]


def _line(result: Any) -> Table:
    return Table([], [], result.text)


def _status(told: Mapping[str, Any]) -> Table:
    count = f"{told['files']:,} in {told['chunks']:,} pieces, {told['pending']:,} pending"
    rows = [["files", f"{count}, {told['errors']:,} with errors"]]
    for each in told["sources"]:
        by_words = f"{each['unembedded']:,} of its pieces are found by words only"
        rows.append(
            [each["name"], f"{each['files']:,} files, {each['disk'] / 1e6:.1f} MB of index"]
        )
        rows += [["", by_words]] if each["unembedded"] else []
        if unseen := each.get("unseen"):
            rows.append(["", f"{unseen:,} of its pieces are not seen by the second embedder yet"])
        rows += [["left out", f"{n:,} {reason}"] for reason, n in each["skipped"].items()]
    rows += [["problem", f"{each['path']}: {each['reason']}"] for each in told["problems"]]
    return Table(rows + [["note", note] for note in told["notes"]])
