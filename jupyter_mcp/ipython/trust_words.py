"""The words of ``%mcp`` by which a person stops agents and answers what they ask.

    %mcp pause [--read-only] [WHO]       stop agents at once, all of them or one
    %mcp resume [WHO]                    let them go on
    %mcp agents                          who called lately, and who is stopped
    %mcp approvals                       what waits for your yes
    %mcp approve ID [--session|--always] let a waiting call go on
    %mcp deny ID                         refuse it

Where the server runs on this machine they show the person's key, which only its account can read;
elsewhere the ordinary token, with which the server may refuse them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from IPython.core.error import UsageError

from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.failure import CallError
from jupyter_mcp.ipython.words import Word


class Caller(Protocol):
    """A client that can call tools."""

    def call(self, tool: str, /, **arguments: Any) -> Any:
        """Call a tool."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """A word with what came after it, checked.

    Args:
        tool: The tool behind it.
        arguments: Its arguments.
        show: Makes of its result what a person sees.
    """

    tool: str
    arguments: Mapping[str, Any]
    show: Callable[[Any], Any]

    def give(self, caller: Caller) -> Any:
        """Call the tool and return what to show."""
        return self.show(caller.call(self.tool, **self.arguments))


def carry_out(word: str, words: list[Word], client: Any) -> Any:
    """Do what `word` says at the server of `client`, as the person where this machine knows them.

    Raises:
        ToolError: What the server refuses; ``unsupported`` where there is no server.
    """
    asked = order(word, words)
    client.connect()
    if client.server is None:
        raise CallError(
            "unsupported",
            "Agents are stopped and answered at a Jupyter server, and there is none here.",
            "At the server's machine: jupyter mcp pause, jupyter mcp approvals.",
        )
    from jupyter_mcp.ipython.client import Client

    server = client.server.as_person()
    with Client(server.url, server.token, toolsets="all") as person:
        return asked.give(person)


def order(word: str, words: list[Word]) -> Order:
    """Return what `word` and the words after it ask for.

    Raises:
        UsageError: For words that nobody understands.
    """
    texts = [f"{each.key}={each.value}" if each.key else each.value for each in words]
    return _ORDERS[word](texts)


def _pause(words: list[str]) -> Order:
    target, options = _parted(words, ("--read-only",), "%mcp pause [--read-only] [WHO]")
    mode = "read_only" if options else "paused"
    return Order("agents_pause", {"target": " ".join(target) or "*", "mode": mode}, _line)


def _resume(words: list[str]) -> Order:
    target, _ = _parted(words, (), "%mcp resume [WHO]")
    return Order("agents_resume", {"target": " ".join(target) or "*"}, _line)


def _agents(words: list[str]) -> Order:
    _none(words, "%mcp agents")
    return Order("agents_status", {}, _agents_table)


def _approvals(words: list[str]) -> Order:
    _none(words, "%mcp approvals")
    return Order("approval_list", {}, _approvals_table)


def _approve(words: list[str]) -> Order:
    usage = "%mcp approve ID [--session|--always]"
    found, options = _parted(words, ("--session", "--always"), usage)
    if len(found) != 1 or len(options) > 1:
        raise UsageError(f"Write {usage}. '%mcp approvals' lists them.")
    answer = options[0].removeprefix("--") if options else "once"
    return Order("approval_answer", {"approval_id": found[0], "answer": answer}, _line)


def _deny(words: list[str]) -> Order:
    found, _ = _parted(words, (), "%mcp deny ID")
    if len(found) != 1:
        raise UsageError("Write %mcp deny ID. '%mcp approvals' lists them.")
    return Order("approval_answer", {"approval_id": found[0], "answer": "deny"}, _line)


_ORDERS: Mapping[str, Callable[[list[str]], Order]] = {
    "agents": _agents,
    "approvals": _approvals,
    "approve": _approve,
    "deny": _deny,
    "pause": _pause,
    "resume": _resume,
}

WORDS = tuple(_ORDERS)
"""The words."""


def _parted(words: list[str], known: tuple[str, ...], usage: str) -> tuple[list[str], list[str]]:
    options = [word for word in words if word.startswith("-")]
    if any(option not in known for option in options):
        raise UsageError(f"Write {usage}.")
    return [word for word in words if word not in options], options


def _none(words: list[str], usage: str) -> None:
    if words:
        raise UsageError(f"Write {usage}.")


def _line(result: Any) -> Table:
    return Table([], [], result.text)


def _agents_table(result: Any) -> Table:
    told = result.structured
    rows = [
        [each["client"] or each["name"], each["principal"], _mode(each), each["tool"]]
        for each in told["agents"]
    ]
    stops = [f"{stop['target']} {_mode(stop)} by {stop['by']}" for stop in told["stops"]]
    note = f"Agents: {_mode(told)}" + (f" ({'; '.join(stops)})" if stops else "")
    return Table(rows, ["agent", "principal", "mode", "last call"] if rows else [], note)


def _approvals_table(result: Any) -> Table:
    rows = [
        [each["id"], each["tool"], each["arguments"], each["client"] or each["principal"]]
        for each in result.structured["waiting"]
    ]
    note = "%mcp approve ID, or %mcp deny ID." if rows else "No call waits for approval."
    return Table(rows, ["id", "tool", "arguments", "asked by"] if rows else [], note)


def _mode(told: Mapping[str, Any]) -> str:
    return str(told["mode"]).replace("_", "-")
