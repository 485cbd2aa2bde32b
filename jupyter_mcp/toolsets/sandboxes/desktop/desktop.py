"""The desktop of one sandbox, from the host: begun at first use, ended with its channel.

Everything heavy happens inside; here are turns, time limits, coordinates and what is released when
a call is cancelled halfway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop import bundle
from jupyter_mcp.toolsets.sandboxes.desktop.actions import (
    Key,
    Move,
    Pause,
    Press,
    Step,
    Write,
    steps_of,
)
from jupyter_mcp.toolsets.sandboxes.desktop.elements import Element, Found, found_in, the_one
from jupyter_mcp.toolsets.sandboxes.desktop.frames import Answer
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen
from jupyter_mcp.toolsets.sandboxes.desktop.request import Request
from jupyter_mcp.toolsets.sandboxes.desktop.wire import NO_DESKTOP, Process, Tasks, Wire

MOST_STEPS = 400
"""Steps in one request; a line inside is at most 64 KiB."""
SETTLE_SECONDS = 0.15
SETTLED_AFTER = 1.5
APPEARS_SECONDS = 3.0
"""How long an element is looked for: programs tell names up to half a second after they show."""
STARTS_SECONDS = 10.0
"""And where no program tells any: a browser that was just started takes some seconds."""
TYPED_SECONDS = 3.0
QUIET_SECONDS = 0.4
"""After typing: Chromium takes keys one by one through its input method and lets clicks overtake
them, so that a click comes when nothing has changed on the screen for this time, at the latest
after 3 seconds."""
Format = Literal["png", "jpeg"]
MIME = {"png": "image/png", "jpeg": "image/jpeg"}
STARTS = {"png": b"\x89PNG", "jpeg": b"\xff\xd8"}


class Link(Protocol):
    """The channel to a sandbox (`jupyter_mcp.toolsets.sandboxes.link.link.Link`)."""

    async def start(self, argv: Sequence[str]) -> Process:
        """Start a program inside."""
        ...

    async def configure(self, env: Mapping[str, str]) -> None:
        """Add to the environment of later programs."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the screen.

    Args:
        data: The encoded picture; empty when the screen is as it was.
        mime: Its MIME type.
        hash: Changes whenever a pixel of the screen does.
        width: Pixels of the picture.
        height: Likewise.
    """

    data: bytes
    mime: str
    hash: str
    width: int
    height: int


class Desktop:
    """Screen, mouse and keyboard.

    Args:
        wire: The program inside.
        screen: The size of the screen.
    """

    def __init__(self, wire: Wire, screen: Screen) -> None:
        self.screen = screen
        self._wire = wire
        self._turn = asyncio.Lock()
        self._typed = 0.0

    @classmethod
    async def open(cls, link: Link, tasks: Tasks, screen: Screen, name: str = "desktop") -> Self:
        """Start the desktop in a sandbox and tell later programs there where it is.

        Raises:
            ToolError: ``unsupported`` where the image has no screen, ``unavailable``.
        """
        try:
            process = await link.start(bundle.argv())
        except ToolError as error:
            if error.code != "not_found":
                raise
            raise ToolError(
                "unsupported",
                "This sandbox has no desktop: no python3.",
                NO_DESKTOP,
            ) from error
        wire = Wire(process, tasks, name)
        try:
            await wire.send(bundle.source())
            begun = await wire.request("begin", width=screen.width, height=screen.height)
            await link.configure(_environment(begun.told.get("environment")))
        except BaseException:
            await wire.close()
            raise
        return cls(wire, screen)

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self._wire.closed.is_set()

    async def close(self) -> None:
        """End it; windows on it close."""
        await self._wire.close()

    async def act(self, request: Request) -> tuple[Request, Element | None]:
        """Do an action that moves the mouse or presses keys, or waits.

        Returns:
            The request with the coordinate that was used, and the element if one was named.

        Raises:
            ToolError: What is wrong with the request, before anything is done; ``not_found`` or
                ``conflict`` for an element; ``unavailable``, ``timeout``.
        """
        element = None
        if request.name is not None or request.role is not None:
            element = await self._element(request)
            request = _at(request, element)
        steps = steps_of(request, self.screen)
        if element is not None and request.action in {"type", "key", "hold_key"}:
            click = Request("left_click", coordinate=request.coordinate)
            steps = [*steps_of(click, self.screen), *steps]
        async with self._turn:
            await self._do(steps)
        return request, element

    async def find(self, name: str, role: str, limit: int) -> Found:
        """List elements by accessible name and role."""
        return await self._found(name, role, limit, reveal=False)

    async def pointer(self) -> tuple[int, int]:
        """Return where the pointer is, in coordinates of the picture."""
        told = (await self._wire.request("pointer")).told
        x, y = told.get("x"), told.get("y")
        if not isinstance(x, int) or not isinstance(y, int):
            raise _nonsense()
        return self.screen.in_picture(x, y)

    async def picture(
        self,
        kind: Format = "png",
        unless: str = "",
        region: Sequence[float] | None = None,
    ) -> Picture:
        """Take a picture; it does not wait for an action that is under way.

        Args:
            kind: Its format: ``png`` is exact, ``jpeg`` quicker and for live views.
            unless: Hash of the picture that is known: if nothing changed, none is sent.
            region: Left, top, right and bottom of the part to enlarge.
        """
        part, size = (None, list(self.screen.shown))
        if region is not None:
            part, size = self.screen.region(region)
        answer = await self._wire.request(
            "picture", kind=kind, unless=unless, region=part, size=size
        )
        return _picture(answer, kind, unless, size)

    async def calm(self) -> None:
        """Wait until what was typed just now is on the screen; without that, return at once."""
        loop = asyncio.get_running_loop()
        if loop.time() > self._typed + TYPED_SECONDS:
            return
        known, since, end = "", loop.time(), loop.time() + TYPED_SECONDS
        while loop.time() < end:
            mark = (await self.picture("jpeg", known, (0, 0, 1, 1))).hash
            if mark != known:
                known, since = mark, loop.time()
            elif loop.time() - since >= QUIET_SECONDS:
                break
            await asyncio.sleep(QUIET_SECONDS / 8)
        self._typed = 0.0

    async def settled(self, kind: Format = "png") -> Picture:
        """Take a picture when nothing moves any more, at the latest after 1.5 seconds."""
        end = asyncio.get_running_loop().time() + SETTLED_AFTER
        picture = await self._after(kind, "")
        while asyncio.get_running_loop().time() < end:
            later = await self._after(kind, picture.hash)
            if not later.data:
                break
            picture = later
        return picture

    async def _after(self, kind: Format, unless: str) -> Picture:
        await asyncio.sleep(SETTLE_SECONDS)
        return await self.picture(kind, unless)

    async def _element(self, request: Request) -> Element:
        name, role = request.name or "", request.role or ""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        found = await self._found(name, role, 20, reveal=True)
        while not found.elements and loop.time() < begun + (
            APPEARS_SECONDS if found.is_any_named else STARTS_SECONDS
        ):
            await asyncio.sleep(SETTLE_SECONDS)
            found = await self._found(name, role, 20, reveal=True)
        return the_one(found, name, role, self.screen)

    async def _found(self, name: str, role: str, limit: int, *, reveal: bool) -> Found:
        if len(name) > 500 or len(role) > 100:  # noqa: PLR2004
            raise ToolError("invalid_arguments", "The name is too long.", "Give a part of it.")
        answer = await self._wire.request("find", name=name, role=role, limit=limit, reveal=reveal)
        return found_in(answer.told, self.screen)

    async def _do(self, steps: Sequence[Step]) -> None:
        """Do steps; when they end early, what is pressed is released."""
        pressed: list[Key | Press] = []
        batch: list[list[Any]] = []
        try:
            for step in steps:
                if isinstance(step, Key | Press):
                    _track(pressed, step)
                await self._before(step)
                if isinstance(step, Pause | Write) or len(batch) >= MOST_STEPS:
                    await self._flush(batch)
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                elif isinstance(step, Write):
                    await self._wire.request("type", text=step.text)
                else:
                    batch.append(_on_wire(step))
                self._note(step)
            await self._flush(batch)
        except BaseException:
            if pressed and not self.is_closed:
                await self._wire.request("steps", steps=[_released(step) for step in pressed[::-1]])
            raise

    async def _before(self, step: Step) -> None:
        """Wait so that a browser does not let clicks overtake keys."""
        if isinstance(step, Press) and step.is_down:
            await self.calm()

    def _note(self, step: Step) -> None:
        if isinstance(step, Write):
            self._typed = asyncio.get_running_loop().time()

    async def _flush(self, batch: list[list[Any]]) -> None:
        if batch:
            await self._wire.request("steps", steps=list(batch))
            batch.clear()


def _track(pressed: list[Key | Press], step: Key | Press) -> None:
    """Note what is down now."""
    if step.is_down:
        pressed.append(step)
        return
    for down in pressed[::-1]:
        if _released(down) == _on_wire(step):
            pressed.remove(down)
            return


def _released(step: Key | Press) -> list[Any]:
    return _on_wire(replace(step, is_down=False))


def _on_wire(step: Step) -> list[Any]:
    match step:
        case Move(x, y):
            return ["move", x, y]
        case Press(number, is_down):
            return ["button", number, is_down]
        case Key(keysym, is_down):
            return ["key", keysym, is_down]
        case _:
            raise TypeError(step)


def _at(request: Request, element: Element) -> Request:
    """Return the request at an element's place; a drag begins there."""
    point = (float(element.x), float(element.y))
    if request.action == "left_click_drag":
        return replace(request, start_coordinate=point)
    return replace(request, coordinate=point)


def _picture(answer: Answer, kind: Format, unless: str, size: Sequence[int]) -> Picture:
    mark = answer.told.get("hash")
    is_same = isinstance(mark, str) and bool(unless) and mark == unless
    if not isinstance(mark, str) or len(mark) != 40:  # noqa: PLR2004 - SHA-1
        raise _nonsense()
    if not is_same and not answer.data.startswith(STARTS[kind]):
        raise _nonsense()
    data = b"" if is_same else answer.data
    return Picture(data, MIME[kind], mark, size[0], size[1])


def _environment(told: Any) -> dict[str, str]:
    """Return the variables that the program inside tells; it may only tell those of a desktop."""
    known = {
        "XAUTHORITY",
        "DISPLAY",
        "DBUS_SESSION_BUS_ADDRESS",
        "ACCESSIBILITY_ENABLED",
        "GNOME_ACCESSIBILITY",
        "QT_LINUX_ACCESSIBILITY_ALWAYS_ON",
    }
    if not isinstance(told, dict):
        raise _nonsense()
    return {
        name: value
        for name, value in told.items()
        if name in known and isinstance(value, str) and len(value) < 1000  # noqa: PLR2004
    }


def _nonsense() -> ToolError:
    return ToolError(
        "unavailable",
        "The desktop of the sandbox answered nonsense.",
        "Destroy the sandbox and create a new one.",
    )
