from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.recipes import packages, recipe, recipe_names


def test_each_recipe_stands_on_the_one_that_its_dockerfile_names() -> None:
    for name in recipe_names():
        found = recipe(name)
        if found.parent is not None:
            assert f"FROM {found.parent.image}\n" in found.text
    assert [each.name for each in recipe("jupyter-mcp/desktop:latest").chain] == [
        "base",
        "dev",
        "desktop",
    ]


def test_a_change_below_changes_what_stands_on_it() -> None:
    dev = recipe("dev")
    assert dev.parent is not None
    changed = replace(dev, parent=replace(dev.parent, text=dev.parent.text + "jq\n"))
    assert changed.digest != dev.digest
    assert recipe("dev").digest == dev.digest


def test_the_base_is_a_list_of_packages() -> None:
    found = packages(recipe("base").text)
    assert found.suite == "bookworm"
    assert {"python3", "git", "ca-certificates"} <= set(found.names)
    assert not any(" " in name or "#" in name for name in found.names)


def test_an_unknown_recipe_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ToolError, match="base, dev, desktop"):
        recipe("alpine")
