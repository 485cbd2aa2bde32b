"""Workflows that take longer than the tokens by which they act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.durable import flows
from support.plugins import plugin_environment
from support.short_tokens import VARIABLE


def effect(name: str, seconds: float, *needs: str) -> dict[str, Any]:
    """Return a node that takes some time and leaves a line."""
    arguments = {"name": name, "seconds": seconds}
    node = {"id": name, "kind": "action", "tool": "effect", "arguments": arguments}
    return {**node, "needs": list(needs)}


@pytest.mark.parametrize("life", [1.5, 32.0])
def test_a_node_and_its_worker_outlive_their_tokens(tmp_path: Path, life: float) -> None:
    """With 32 s, a token is replaced after 2 s, while calls go on by the one before."""
    environment = plugin_environment(tmp_path, effects="support.short_tokens:ShortTokens")
    environment[VARIABLE] = str(life)
    with flows(tmp_path / "home", env=environment) as flow:
        run = flow.start(
            effect("long", 5),
            *(effect(f"short{number}", 1, *_before(number)) for number in range(5)),
            effect("last", 0, "long", "short4"),
        )
        ended = flow.until(run)
        assert ended["status"] == "succeeded", ended
        assert {node["attempts"] for node in ended["nodes"]} == {1}
        told = (flow.server.root / "effects.txt").read_text().splitlines()
        assert sorted(told) == sorted(node["id"] for node in ended["nodes"]), "each once"


def _before(number: int) -> tuple[str, ...]:
    return (f"short{number - 1}",) if number else ()
