"""What somebody wants of a sandbox, held against what the administrator lends.

Nothing here is granted because it was asked for: images, memory, folders and a network each have a
setting, and a refusal names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.sessions.images_allowed import allows
from jupyter_mcp.toolsets.sandboxes.sizes import bytes_of, size_of
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Isolation, Limits, Mount

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
ID = re.compile(r"sb-[0-9a-f]{12}")

DEFAULT_MEMORY = 512 * MIB
LEAST_MEMORY = 64 * MIB
"""An interpreter and git need about a third of it; with less they are only killed."""

LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A sandbox as somebody asks for it; what is empty is the administrator's choice.

    Args:
        name: What to call it.
        image: The image.
        isolation: The level that it has to have; empty for the strongest that works here.
        network: Whether the domains of the settings can be reached.
        memory: Bytes; 0 for the default.
        timeout: Seconds without use after which it ends; 0 for the default.
        mounts: Names of the settings' folders.
        snapshot: The snapshot whose files it begins with.
    """

    name: str = ""
    image: str = ""
    isolation: str = ""
    network: bool = False
    memory: int = 0
    timeout: float = 0.0
    mounts: tuple[str, ...] = ()
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """A wish that the settings grant.

    Args:
        wish: What was asked for.
        image: The image to run; for backends that have images.
        level: The isolation that was asked for; None for the strongest.
        limits: What it may use.
        mounts: The folders.
        timeout: Seconds without use.
    """

    wish: Wish
    image: str
    level: Isolation | None
    limits: Limits
    mounts: tuple[Mount, ...]
    timeout: float

    @property
    def is_plain(self) -> bool:
        """Whether a member of the pool is just this: nothing was asked for that shapes it."""
        wish = self.wish
        return not wish.image and not wish.mounts and wish.memory in (0, DEFAULT_MEMORY)


def grant(wish: Wish, settings: Any) -> Terms:
    """Return what the settings grant of a wish.

    Args:
        wish: What was asked for.
        settings: The administrator's settings.

    Raises:
        ToolError: ``forbidden`` for what a setting would have to allow, ``invalid_arguments`` for
            what makes no sense.
    """
    _check_name(wish.name)
    if wish.network and not settings.sandbox_domains:
        raise ToolError(
            "forbidden",
            "Sandboxes have no network here.",
            "Leave network out, or have the administrator list domains in "
            "c.JupyterMCP.sandbox_domains.",
        )
    return Terms(
        wish,
        _image(wish.image, settings),
        _level(wish.isolation, Isolation(settings.sandbox_min_isolation)),
        limits_of(wish.memory, settings),
        tuple(_mount(name, dict(settings.sandbox_mounts)) for name in wish.mounts),
        _timeout(wish.timeout, settings),
    )


def limits_of(memory: int, settings: Any) -> Limits:
    """Return the limits of a sandbox with so many bytes of memory; 0 for the default."""
    most = bytes_of(settings.sandbox_memory)
    if memory > most:
        raise ToolError(
            "invalid_arguments",
            f"{size_of(memory)} of memory is more than {size_of(most)}, the most of a sandbox.",
            "Ask for less, or have c.JupyterMCP.sandbox_memory raised.",
        )
    if memory and memory < LEAST_MEMORY:
        raise ToolError(
            "invalid_arguments",
            f"{memory} bytes of memory are too few for a sandbox.",
            f"Ask for {size_of(LEAST_MEMORY)} or more, such as memory='512m'.",
        )
    granted = memory or min(DEFAULT_MEMORY, most)
    return Limits(
        memory=granted,
        cpus=settings.sandbox_cpus,
        pids=settings.sandbox_pids,
        tmp=min(Limits().tmp, granted // 4),
        disk=bytes_of(settings.sandbox_disk),
    )


def _check_name(name: str) -> None:
    if name and (not NAME.fullmatch(name) or ID.fullmatch(name)):
        raise ToolError(
            "invalid_arguments",
            f"'{name[:80]}' cannot be the name of a sandbox.",
            "Use up to 63 lower-case letters, digits, '-', '_' and '.', such as 'tests'.",
        )


def _image(wanted: str, settings: Any) -> str:
    default: str = settings.sandbox_image
    if not wanted or wanted == default:
        return default
    if allows(settings.sandbox_images, wanted):
        return wanted
    raise ToolError(
        "forbidden",
        f"The image '{wanted[:200]}' is not among those that sandboxes may run.",
        f"Use one of {', '.join(settings.sandbox_images) or default}, or have it added to "
        "c.JupyterMCP.sandbox_images.",
    )


def _level(wanted: str, least: Isolation) -> Isolation | None:
    if not wanted:
        return None
    try:
        level = Isolation(wanted)
    except ValueError:
        raise ToolError(
            "invalid_arguments",
            f"There is no isolation '{wanted[:40]}'.",
            f"Use one of {', '.join(Isolation)}, or leave it out for the strongest.",
        ) from None
    if level.rank < least.rank:
        raise ToolError(
            "forbidden",
            f"Isolation '{level}' is weaker than '{least}', the least that is allowed here.",
            "Leave isolation out, or have c.JupyterMCP.sandbox_min_isolation lowered.",
        )
    return level


def _mount(name: str, known: dict[str, str]) -> Mount:
    try:
        text = known[name]
    except KeyError:
        names = ", ".join(sorted(known)) or "none"
        raise ToolError(
            "forbidden",
            f"No folder is lent to sandboxes under the name '{name[:80]}'.",
            f"Known names: {names}; c.JupyterMCP.sandbox_mounts lists them.",
        ) from None
    return mount_of(name, text)


def mount_of(name: str, text: str) -> Mount:
    """Read ``folder:/path/inside[:rw]`` of the settings.

    Raises:
        ToolError: ``invalid_arguments`` when it is not written like that.
    """
    parts = text.split(":")
    read_only = parts[-1] != "rw"
    if parts[-1] in {"rw", "ro"}:
        parts.pop()
    if len(parts) != 2 or not all(part.startswith("/") for part in parts):  # noqa: PLR2004 - a pair
        raise ToolError(
            "invalid_arguments",
            f"The folder '{name[:80]}' in c.JupyterMCP.sandbox_mounts cannot be read.",
            "Write it as '/folder/of/host:/path/inside', with ':rw' if it may be written.",
        )
    return Mount(parts[0], parts[1], read_only=read_only)


def _timeout(wanted: float, settings: Any) -> float:
    most = float(settings.sandbox_max_seconds)
    if not wanted:
        return min(float(settings.sandbox_seconds), most)
    if not LEAST_SECONDS <= wanted <= most:
        raise ToolError(
            "invalid_arguments",
            f"A timeout of {wanted:g} seconds is not between {LEAST_SECONDS:g} and {most:g}.",
            "Ask for less, or have c.JupyterMCP.sandbox_max_seconds raised.",
        )
    return wanted
