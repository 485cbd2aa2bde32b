from __future__ import annotations

import pytest

from jupyter_mcp.calls import Context, Host, Toolset, completer, prompt, resource, tool
from jupyter_mcp.calls.catalog import Catalog
from jupyter_mcp.calls.events import Event, Events, PromptsChanged, ResourcesChanged, ToolsChanged
from jupyter_mcp.errors import ToolError
from support.runtimes import OWNER, READER


class Garden(Toolset):
    name = "garden"

    @tool(scope="read")
    async def look(self) -> str:
        """Look."""
        return "green"

    @tool(scope="edit", destructive=True)
    async def dig(self) -> str:
        """Dig."""
        return "done"

    @resource("garden://{bed}")
    async def bed(self, bed: str) -> str:
        return bed

    @prompt()
    async def plan(self, season: str) -> str:
        return season

    @completer("season")
    async def seasons(self, ctx: Context, prefix: str, given: dict[str, str]) -> list[str]:
        del ctx, given
        return [prefix]


class Notebooks(Toolset):
    name = "notebooks"

    @tool(scope="read")
    async def open(self) -> str:
        return ""


class Twin(Toolset):
    name = "twin"

    @tool(scope="read")
    async def look(self) -> str:
        return ""


def catalog(*kinds: type[Toolset], allowed: tuple[str, ...] = ()) -> Catalog:
    made = Catalog(Events(), allowed)
    host: Host = None  # type: ignore[assignment]
    for kind in kinds:
        made.add(kind(host))
    return made


def test_the_default_view_is_the_core() -> None:
    made = catalog(Garden, Notebooks)
    assert list(made.view(OWNER).tools) == ["open"]
    assert list(made.view(OWNER, made.selection("all")).tools) == ["dig", "look", "open"]
    assert list(made.view(OWNER, made.selection("garden")).tools) == ["dig", "look"]


def test_an_administrators_list_is_the_default_and_the_limit() -> None:
    made = catalog(Garden, Notebooks, allowed=("garden",))
    assert made.selection() == {"garden"}
    assert made.selection("all") == {"garden"}
    with pytest.raises(
        ToolError, match=r"There is no toolset 'notebooks' here. Choose from: garden"
    ):
        made.selection("notebooks")


def test_what_a_principal_may_not_do_is_not_listed() -> None:
    made = catalog(Garden)
    view = made.view(READER, made.selection("all"))
    assert list(view.tools) == ["look"]
    assert list(view.resources) == ["garden://{bed}"]
    assert list(view.prompts) == ["plan"]
    assert list(view.completers) == [("garden", "season")]


def test_views_are_made_once_until_the_catalog_changes() -> None:
    made = catalog(Garden)
    everything = made.selection("all")
    first = made.view(OWNER, everything)
    assert made.view(OWNER, everything) is first
    made.changed()
    assert made.view(OWNER, everything) is not first


def test_an_unknown_tool_is_answered_with_the_nearest_name() -> None:
    made = catalog(Garden)
    with pytest.raises(ToolError, match=r"no tool 'lok' here. Did you mean look?"):
        made.tool("lok", made.selection("all"))


def test_a_tool_outside_of_the_selection_is_unknown() -> None:
    made = catalog(Garden, Notebooks)
    with pytest.raises(ToolError, match=r"no tool 'dig'"):
        made.tool("dig", made.selection())


def test_two_toolsets_cannot_offer_the_same_tool() -> None:
    with pytest.raises(ValueError, match="Tool 'look' is already offered by 'garden'"):
        catalog(Garden, Twin)


def test_a_toolset_is_added_once() -> None:
    with pytest.raises(ValueError, match="already a toolset 'garden'"):
        catalog(Garden, Garden)


def test_coming_and_going_is_told_to_clients() -> None:
    heard: list[Event] = []
    events = Events()
    events.subscribe(heard.append)
    made = Catalog(events)
    host: Host = None  # type: ignore[assignment]
    made.add(Garden(host))
    assert heard == [ToolsChanged(), ResourcesChanged(), PromptsChanged()]
    made.remove("garden")
    assert len(heard) == 6
    made.remove("garden")
    assert len(heard) == 6


def test_annotations_come_from_the_decorator() -> None:
    made = catalog(Garden)
    tools = made.view(OWNER, made.selection("all")).tools
    assert tools["look"].read_only
    assert not tools["look"].destructive
    assert tools["dig"].destructive
    assert not tools["dig"].read_only
