"""What people write after ``%mcp sandbox``; `test_sandbox_cell.py` runs it for real."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

from jupyter_mcp.ipython.sandbox_words import SandboxWords
from jupyter_mcp.ipython.words import split


class Calls:
    """A server that answers like one, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call_tool(self, tool: str, arguments: dict[str, Any], _: Any) -> Calls:
        self.asked.append((tool, arguments))
        return self

    def call(self, tool: str, /, **arguments: Any) -> Calls:
        return self.call_tool(tool, arguments, None)

    seconds = 0.0
    text = "Sandbox 'one' and its files are gone."

    @property
    def structured(self) -> dict[str, Any]:
        return {
            "sandbox_id": "sb-1",
            "name": self.asked[-1][1].get("name", "one"),
            "isolation": "landlock",
            "backend": "landlock",
            "limits": {"memory": "per_process", "pids": "none"},
            "status": "running",
            "image": "",
            "network": False,
            "expires_at": "2026-11-21T12:00:00Z",
            "notes": ["Files outside are out of reach; all else is shared."],
        }

    def end(self, _: float) -> None:
        """The bar has nothing to draw."""


def words(calls: Calls) -> SandboxWords:
    return SandboxWords(lambda: calls, lambda _: calls)


@pytest.mark.parametrize(
    ("line", "wish"),
    [
        ("new", {}),
        ("new one", {"name": "one"}),
        ("new one --image jupyter-mcp/desktop", {"name": "one", "image": "jupyter-mcp/desktop"}),
        ("new --timeout 90 one", {"name": "one", "timeout": 90.0}),
        ("new --isolation bubblewrap --network", {"isolation": "bubblewrap", "network": True}),
        ("new --memory 512m --snapshot sn-1", {"memory": "512m", "snapshot": "sn-1"}),
    ],
)
def test_new_says_what_is_wished_for(line: str, wish: dict[str, Any]) -> None:
    calls = Calls()
    words(calls).carry_out(split(line))
    assert calls.asked == [("sandbox_create", wish)]


@pytest.mark.parametrize(
    "line",
    [
        "new a b",
        "new --image",
        "new --colour red",
        "new --timeout soon",
        "rm",
        "shrink one",
        "attach",
    ],
)
def test_what_nobody_understands_is_told_with_the_usage(line: str) -> None:
    calls = Calls()
    with pytest.raises(UsageError, match="Write %mcp sandbox"):
        words(calls).carry_out(split(line))
    assert calls.asked == []


def test_the_level_and_what_really_holds_are_shown() -> None:
    shown = words(Calls()).carry_out(split("new one")).to_text()
    assert "landlock" in shown
    assert "memory: per_process, pids: none" in shown
    assert "all else is shared" in shown


def test_what_was_made_or_attached_last_is_the_notebooks_own() -> None:
    sandboxes = words(Calls())
    with pytest.raises(UsageError, match="%mcp sandbox new NAME"):
        sandboxes.named("")
    sandboxes.carry_out(split("new one"))
    assert sandboxes.named("") == "one"
    assert sandboxes.named("two") == "two"
    sandboxes.carry_out(split("rm one"))
    with pytest.raises(UsageError):
        sandboxes.named("")
