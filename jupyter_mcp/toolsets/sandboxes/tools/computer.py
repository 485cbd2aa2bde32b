"""Screen, mouse and keyboard of a sandbox.

One tool, whose actions and arguments are those of Anthropic's ``computer_20250124`` and
``computer_20251124``; OpenAI's names mean the same things. Ours are: elements by their accessible
names, and pictures that are only sent when something changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field

from jupyter_mcp.calls import Block, Context, Image, Reply, Text, tool
from jupyter_mcp.calls.operation import Operation
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.request import Action, Direction, Request
from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxId, SandboxToolset

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.desktop.desktop import Desktop, Picture
    from jupyter_mcp.toolsets.sandboxes.desktop.desktops import Desktops
    from jupyter_mcp.toolsets.sandboxes.desktop.elements import Element

T = TypeVar("T")
MOST_ELEMENTS = 60
Numbers = list[float]
"""A point or a region: how many there have to be, and where, is checked by the screen."""


class Spot(Shape):
    """A point of a drag, as OpenAI writes it."""

    x: float
    y: float


class ScreenElement(Shape):
    """A named element on the screen."""

    name: str
    role: str
    coordinate: list[int]
    showing: bool = True
    enabled: bool = True


class ComputerState(Shape):
    """What was done, and what the screen is now."""

    sandbox_id: str
    action: str
    done: str
    coordinate: list[int] | None = None
    width: int | None = None
    height: int | None = None
    hash: str | None = None
    unchanged: bool | None = None
    elements: list[ScreenElement] | None = None


class ComputerTools(SandboxToolset):
    """Screen, mouse and keyboard of a sandbox."""

    @cached_property
    def desktops(self) -> Desktops:
        """The desktops of sandboxes, imported at first use."""
        from jupyter_mcp.toolsets.sandboxes.desktop.desktops import Desktops

        return Desktops(self.sandboxes, self.host.tasks)

    def _placed(self, operation: Operation, function: Callable[..., Any]) -> Operation:
        """Say that the ``path`` of a drag leads over the screen and not to files."""
        placed = super()._placed(operation, function)
        if operation.name != "computer":
            return placed
        return replace(placed, places=frozenset(), paths_of=_no_paths)

    @tool(
        scope="execute",
        title="Use the computer",
        open_world=True,
        untrusted=True,
        within="sandbox_id",
    )
    async def computer(
        self,
        ctx: Context,
        action: Action,
        sandbox_id: SandboxId,
        *,
        coordinate: Annotated[
            Numbers | None, Field(description="[x, y] in the picture; default: at the pointer")
        ] = None,
        start_coordinate: Annotated[
            Numbers | None, Field(description="Where left_click_drag begins")
        ] = None,
        text: Annotated[
            str | None,
            Field(
                description="What to type; for key and hold_key xdotool's names, such as ctrl+s or "
                "Tab Tab Return; for clicks and scroll keys to hold"
            ),
        ] = None,
        duration: Annotated[float | None, Field(description="Seconds of wait, hold_key")] = None,
        scroll_direction: Direction | None = None,
        scroll_amount: Annotated[int | None, Field(description="Notches; default 3")] = None,
        region: Annotated[
            Numbers | None, Field(description="[left, top, right, bottom] that zoom shows large")
        ] = None,
        name: Annotated[
            str | None,
            Field(description="Instead of coordinate: accessible name of a button, link or field"),
        ] = None,
        role: Annotated[
            str | None, Field(description="Its role, such as button, link, entry, page tab")
        ] = None,
        screenshot: Annotated[
            bool, Field(description="Return a picture too, once nothing moves any more")
        ] = False,
        format: Annotated[  # noqa: A002 - the tool's argument
            Literal["png", "jpeg"], Field(description="Of the picture; jpeg for live views")
        ] = "png",
        unless: Annotated[
            str | None, Field(description="hash of the picture you have: none if nothing changed")
        ] = None,
        screen: Annotated[
            str | None, Field(description="Size at first use; default 1280x800")
        ] = None,
        button: str | None = None,
        keys: list[str] | None = None,
        path: list[Spot | Numbers] | None = None,
        x: float | None = None,
        y: float | None = None,
        scroll_x: float | None = None,
        scroll_y: float | None = None,
    ) -> Reply[ComputerState]:
        """Use screen, mouse and keyboard of a sandbox (image jupyter-mcp/desktop).

        Begin with screenshot. To open a browser call terminal_run("browser URL"). find lists what
        has an accessible name, with coordinates. Pictures are at most 1280x800; coordinates are
        those of the picture, also after zoom. button, keys, path, x, y, scroll_x and scroll_y are
        OpenAI's, for click, keypress, drag, move and scroll (pixels).
        """
        from jupyter_mcp.toolsets.sandboxes.desktop.aliases import canonical
        from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen

        if x is not None or y is not None:
            coordinate = [each for each in (x, y) if each is not None]
        request = canonical(
            Request(
                action,
                coordinate=_tuple(coordinate),
                start_coordinate=_tuple(start_coordinate),
                text=text,
                keys=_tuple(keys),
                duration=duration,
                scroll_direction=scroll_direction,
                scroll_amount=scroll_amount,
                scroll_x=scroll_x,
                scroll_y=scroll_y,
                region=_tuple(region),
                button=button,
                path=_tuple(None if path is None else [_spot(spot) for spot in path]),
                name=name,
                role=role,
            )
        )
        size = None if screen is None else Screen.named(screen)
        async with self.desktops.using(sandbox_id, self.seen_by(ctx), size) as desktop:
            view = View(desktop, sandbox_id, format, unless or "")
            return await view.reply(request, wants_picture=screenshot)


class View:
    """Does one action on a desktop and tells about it.

    Args:
        desktop: The desktop.
        sandbox_id: What the caller calls the sandbox.
        kind: Format of pictures.
        unless: Hash of the picture that the caller has.
    """

    def __init__(
        self, desktop: Desktop, sandbox_id: str, kind: Literal["png", "jpeg"], unless: str
    ) -> None:
        self._desktop = desktop
        self._sandbox_id = sandbox_id
        self._kind = kind
        self._unless = unless

    async def reply(self, request: Request, *, wants_picture: bool) -> Reply[ComputerState]:
        """Do it and answer with text, and with a picture where one is wanted."""
        told = ComputerState(sandbox_id=self._sandbox_id, action=request.action, done="")
        picture: Picture | None = None
        match request.action:
            case "screenshot":
                if self._kind == "png":  # a live view does not wait for anything
                    await self._desktop.calm()
                picture = await self._desktop.picture(self._kind, self._unless)
                told.done = f"The screen, {picture.width}x{picture.height}."
            case "zoom":
                picture = await self._zoom(request, told)
            case "cursor_position":
                told.coordinate = list(await self._desktop.pointer())
                told.done = f"The pointer is at {told.coordinate}."
            case "find":
                await self._find(request, told)
            case _:
                done, element = await self._desktop.act(request)
                told.done = _done(done, element)
                told.coordinate = None if done.coordinate is None else _whole(done.coordinate)
        if wants_picture and picture is None:
            picture = await self._desktop.settled(self._kind)
        return _reply(told, picture)

    async def _zoom(self, request: Request, told: ComputerState) -> Picture:
        if request.region is None:
            raise ToolError(
                "invalid_arguments",
                "zoom needs region.",
                "Give region=[left, top, right, bottom] in coordinates of the picture.",
            )
        picture = await self._desktop.picture(self._kind, self._unless, request.region)
        told.done = f"The region {_whole(request.region)} at {picture.width}x{picture.height}."
        return picture

    async def _find(self, request: Request, told: ComputerState) -> None:
        found = await self._desktop.find(request.name or "", request.role or "", MOST_ELEMENTS)
        told.elements = [
            ScreenElement(
                name=element.name,
                role=element.role,
                coordinate=[element.x, element.y],
                showing=element.is_showing,
                enabled=element.is_enabled,
            )
            for element in found.elements
        ]
        more = found.total - len(found.elements)
        lines = [f"{found.total} elements{' so far' if found.is_cut else ''}:"]
        lines += [str(element) for element in found.elements]
        lines += [f"and {more} more; give a name or a role."] if more > 0 else []
        told.done = "\n".join(lines) if found.elements else "No element with such a name or role."


def _reply(told: ComputerState, picture: Picture | None) -> Reply[ComputerState]:
    blocks: list[Block] = []
    if picture is not None:
        told.hash = picture.hash
        told.width, told.height = picture.width, picture.height
        told.unchanged = not picture.data
        if picture.data:
            blocks.append(Image(picture.data, picture.mime))
        else:
            told.done = "The screen has not changed."
    return Reply(told, [Text(told.done), *blocks])


def _done(request: Request, element: Element | None) -> str:
    """Say in a line what was done; what was typed is not repeated, it may be a password."""
    at = "" if request.coordinate is None else f" at {_whole(request.coordinate)}"
    if element is not None:
        at = f" on {element}"
    action = request.action.replace("_", " ")
    match request.action:
        case "type":
            return f"Typed {len(request.text or '')} characters."
        case "key" | "hold_key":
            keys = request.text or "+".join(request.keys or ())
            return f"Pressed {keys}."
        case "wait":
            return f"Waited {1.0 if request.duration is None else request.duration:g} s."
        case _:
            return f"Done: {action}{at}."


def _tuple(values: Sequence[T] | None) -> tuple[T, ...] | None:
    return None if values is None else tuple(values)


def _spot(spot: Spot | Sequence[float]) -> tuple[float, ...]:
    return (spot.x, spot.y) if isinstance(spot, Spot) else tuple(spot)


def _whole(values: Sequence[float]) -> list[int]:
    return [int(value) for value in values]


async def _no_paths(_: Mapping[str, Any]) -> Sequence[str] | None:
    return None
