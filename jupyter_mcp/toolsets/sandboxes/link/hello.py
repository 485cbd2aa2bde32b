"""What an agent says of itself when it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.link.exchange import printable
from jupyter_mcp.toolsets.sandboxes.link.frames import PROTOCOL, BrokenFrameError

_MAX_PATH = 4096


@dataclass(frozen=True, slots=True)
class Hello:
    """What the agent says of itself; a stranger's words, for messages and for the start of paths.

    Args:
        version: Version of the frames.
        pid: Its process inside.
        uid: The user that it runs as.
        home: The user's home folder.
        workspace: The folder that paths are relative to.
        python: Version of the interpreter.
    """

    version: int
    pid: int
    uid: int
    home: str
    workspace: str
    python: str


def read_hello(head: dict[str, Any]) -> Hello:
    """Return the hello of a frame.

    Raises:
        ToolError: ``unsupported`` when it speaks another version of the frames.
        BrokenFrameError: When it is no hello.
    """
    version = head.get("protocol")
    if version != PROTOCOL:
        raise ToolError(
            "unsupported",
            f"The agent in the sandbox speaks version {printable(str(version), 20)}, "
            f"this server version {PROTOCOL}.",
            "Destroy the sandbox and create a new one.",
        )
    return Hello(
        PROTOCOL,
        _number(head, "pid"),
        _number(head, "uid"),
        _text(head, "home"),
        _text(head, "workspace"),
        _text(head, "python"),
    )


def _number(head: dict[str, Any], name: str) -> int:
    value = head.get(name)
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise BrokenFrameError("no hello")
    return value


def _text(head: dict[str, Any], name: str) -> str:
    value = head.get(name)
    if not isinstance(value, str) or len(value) > _MAX_PATH:
        raise BrokenFrameError("no hello")
    return printable(value, _MAX_PATH)
