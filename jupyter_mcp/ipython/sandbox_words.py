"""``%mcp sandbox …``: sandboxes from a notebook.

    %mcp sandbox new [NAME] [--image X] [--isolation L] [--memory 1g] [--timeout S] [--network]
    %mcp sandbox list                    what there is
    %mcp sandbox attach NAME             the sandbox of %%sandbox in this notebook
    %mcp sandbox terminal [NAME]         a live terminal
    %mcp sandbox screen [NAME]           a live screen
    %mcp sandbox rm NAME                 destroy one, with its files

Whoever writes them is a person, so their calls are the person's where this machine knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.error import UsageError

from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.words import Word

SUBWORDS = ("new", "list", "attach", "terminal", "screen", "rm")
"""The words."""

USAGE = f"%mcp sandbox {'|'.join(SUBWORDS)} [NAME]"

_OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "--image": ("image", str),
    "--isolation": ("isolation", str),
    "--memory": ("memory", str),
    "--timeout": ("timeout", float),
    "--snapshot": ("snapshot", str),
}


class SandboxWords:
    """The words after ``%mcp sandbox``, and which sandbox this notebook works with.

    Args:
        client: Returns the client that calls the tools.
        bar: Returns what shows a call's progress.
    """

    def __init__(self, client: Callable[[], Any], bar: Callable[[str], Any]) -> None:
        self._client = client
        self._bar = bar
        self.attached = ""

    def carry_out(self, words: list[Word]) -> Any:
        """Do what the words say and return what to show.

        Raises:
            UsageError: For words that nobody understands.
            ToolError: What the server refuses.
        """
        texts = [f"{each.key}={each.value}" if each.key else each.value for each in words]
        match texts:
            case ["new", *rest]:
                return self._new(rest)
            case ["list"] | []:
                return self._list()
            case ["attach", name]:
                return self._attach(name)
            case ["terminal", *names] if len(names) <= 1:
                return self._view("terminal", *names)
            case ["screen", *names] if len(names) <= 1:
                return self._view("screen", *names)
            case ["rm", name]:
                return self._remove(name)
            case _:
                raise UsageError(f"Write {USAGE}.")

    def named(self, name: str) -> str:
        """Return a sandbox by its name, or the one of this notebook.

        Raises:
            UsageError: When there is neither.
        """
        if not (name or self.attached):
            raise UsageError("Say which sandbox: make one with %mcp sandbox new NAME.")
        return name or self.attached

    def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool and show its progress."""
        bar = self._bar(tool)
        result = self._client().call_tool(tool, arguments, bar)
        bar.end(result.seconds)
        return result

    def _new(self, words: list[str]) -> Table:
        wish = _wish(words)
        made = self.call("sandbox_create", **wish).structured
        self.attached = made["name"] or made["sandbox_id"]
        return _described(made)

    def _list(self) -> Table:
        found = self._client().call("sandbox_list")["sandboxes"]
        rows = [
            [each["name"], each["sandbox_id"], each["isolation"], each["status"], each["image"]]
            for each in found
        ]
        head = ["name", "id", "isolation", "status", "image"] if rows else []
        return Table(rows, head, "" if rows else "No sandboxes. %mcp sandbox new NAME makes one.")

    def _attach(self, name: str) -> Table:
        found = self._client().call("sandbox_get", sandbox_id=name).structured
        if found["status"] == "paused":
            found |= self.call("sandbox_resume", sandbox_id=name).structured
        self.attached = found["name"] or found["sandbox_id"]
        return _described(found)

    def _view(self, what: str, name: str = "") -> Any:
        from jupyter_mcp.ipython.views import view

        return view(what, self._client(), self.named(name))

    def _remove(self, name: str) -> Table:
        result = self.call("sandbox_destroy", sandbox_id=name)
        if name == self.attached:
            self.attached = ""
        return Table([], [], result.text)


def _wish(words: list[str]) -> dict[str, Any]:
    """Return the arguments of ``sandbox_create`` behind the words after ``new``."""
    usage = (
        "Write %mcp sandbox new [NAME] [--image IMAGE] [--isolation LEVEL] [--memory 1g] "
        "[--timeout SECONDS] [--snapshot ID] [--network]."
    )
    wish: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--network":
            wish["network"] = True
        elif word in _OPTIONS and left:
            name, read = _OPTIONS[word]
            try:
                wish[name] = read(left.pop(0))
            except ValueError:
                raise UsageError(usage) from None
        elif word.startswith("-") or "name" in wish:
            raise UsageError(usage)
        else:
            wish["name"] = word
    return wish


def _described(sandbox: Mapping[str, Any]) -> Table:
    """Return what a person should know of a sandbox: above all how much it really isolates."""
    limits = sandbox.get("limits") or {}
    rows = [
        ["sandbox", sandbox["name"] or sandbox["sandbox_id"]],
        ["isolation", f"{sandbox['isolation']} ({sandbox['backend']})"],
        ["limits", ", ".join(f"{name}: {how}" for name, how in limits.items())],
        ["image", sandbox.get("image") or "the host's programs"],
        ["network", "allowed domains only" if sandbox.get("network") else "none"],
        ["ends", sandbox.get("expires_at") or "not while paused"],
    ]
    notes = [["note", note] for note in sandbox.get("notes") or ()]
    return Table(rows + notes)
