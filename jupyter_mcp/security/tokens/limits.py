"""What a token may carry: never more than whoever makes it.

Globs are compared by their text alone, as a policy reads them (``*`` stands for slashes too), so
the comparison errs to the safe side: what it cannot see to be narrower is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.paths import is_wild, normal_glob
from jupyter_mcp.security.principal import ALL_SCOPES, Principal

NAME_LIMIT = 100
GLOB_LIMIT = 500
GLOBS_LIMIT = 100
MAX_SECONDS = 5 * 366 * 86_400
"""The longest life of a family."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What somebody wants a token to carry, once it was checked.

    Args:
        scopes: What it may do.
        toolsets: The toolsets that it is limited to; None for all.
        notebooks: Globs of the paths that it is limited to; empty for all.
        expires: Unix time of its end.
        name: What it is for.
    """

    scopes: frozenset[str]
    toolsets: frozenset[str] | None
    notebooks: tuple[str, ...]
    expires: float
    name: str


def granted(
    maker: Principal,
    scopes: Iterable[str],
    toolsets: Iterable[str] | None,
    notebooks: Iterable[str] | None,
    name: str,
    *,
    expires: float,
    now: float,
    maker_ends: float | None,
    known_toolsets: Callable[[], Iterable[str]] | None = None,
) -> Allowance:
    """Return what `maker` may put into a token of what they asked for.

    Args:
        maker: Who makes it.
        scopes: What it shall be allowed.
        toolsets: The toolsets that it shall be limited to; None for those of its maker.
        notebooks: The globs that it shall be limited to; None for those of its maker.
        name: What it is for.
        expires: Unix time at which it shall end.
        now: Unix time.
        maker_ends: When its maker's own access ends; None for never.
        known_toolsets: Returns the toolsets that there are.

    Raises:
        ToolError: ``invalid_arguments`` for what makes no sense, ``forbidden`` for more than its
            maker has.
    """
    _check_end(expires, now, maker_ends)
    chosen = None if toolsets is None else _toolsets(toolsets, known_toolsets)
    return Allowance(
        _scopes(scopes, maker),
        _narrowed_toolsets(chosen, maker),
        _globs(notebooks, maker),
        expires,
        _name(name, maker),
    )


def _scopes(scopes: Iterable[str], maker: Principal) -> frozenset[str]:
    wanted = frozenset(scopes)
    if unknown := wanted - ALL_SCOPES:
        what = f"There is no scope '{min(unknown)[:40]}'."
        raise ToolError("invalid_arguments", what, f"Choose from: {_listed(ALL_SCOPES)}.")
    if not wanted:
        what = "A token needs at least one scope."
        raise ToolError("invalid_arguments", what, f"Choose from: {_listed(maker.scopes)}.")
    if more := wanted - maker.scopes:
        raise _too_much(f"the scope '{min(more)}'", f"You hold: {_listed(maker.scopes)}.")
    return wanted


def _toolsets(
    toolsets: Iterable[str], known_toolsets: Callable[[], Iterable[str]] | None
) -> frozenset[str]:
    wanted = frozenset(toolsets)
    known = wanted if known_toolsets is None else frozenset(known_toolsets())
    if unknown := wanted - known:
        what = f"There is no toolset '{min(unknown)[:40]}' here."
        raise ToolError("invalid_arguments", what, f"Choose from: {_listed(known)}.")
    if not wanted:
        what = "A token that is limited to no toolset can do nothing."
        raise ToolError("invalid_arguments", what, "Name some, or leave the limit out.")
    return wanted


def _narrowed_toolsets(wanted: frozenset[str] | None, maker: Principal) -> frozenset[str] | None:
    if maker.toolsets is None or wanted is None:
        return maker.toolsets if wanted is None else wanted
    if more := wanted - maker.toolsets:
        raise _too_much(
            f"the toolset '{min(more)}'", f"Your token is limited to: {_listed(maker.toolsets)}."
        )
    return wanted


def _globs(notebooks: Iterable[str] | None, maker: Principal) -> tuple[str, ...]:
    if notebooks is None:
        return maker.notebooks
    wanted = tuple(dict.fromkeys(glob.strip().removeprefix("/") for glob in notebooks))
    for each in wanted:
        _check_glob(each)
    if len(wanted) > GLOBS_LIMIT or not wanted:
        what = f"A token is limited to between 1 and {GLOBS_LIMIT} globs of notebooks."
        raise ToolError("invalid_arguments", what, "Leave the limit out to allow all.")
    broader = (glob for glob in wanted if not any(within(glob, own) for own in maker.notebooks))
    if maker.notebooks and (glob := next(broader, None)):
        limits = _listed(maker.notebooks)
        raise _too_much(f"notebooks '{glob}'", f"Your token is limited to: {limits}.")
    return wanted


def within(glob: str, outer: str) -> bool:
    """Return whether all paths of `glob` are surely paths of `outer` too."""
    glob, outer = normal_glob(glob), normal_glob(outer)
    if glob == outer:
        return True
    if not is_wild(glob):
        return fnmatchcase(glob, outer)
    start = outer.rstrip("*")
    return outer.endswith("*") and not is_wild(start) and glob.startswith(start)


def _check_glob(glob: str) -> None:
    if not glob or len(glob) > GLOB_LIMIT or not glob.isprintable():
        what = f"'{glob[:40]!s}' is no glob of notebooks."
        raise ToolError("invalid_arguments", what, "Write one such as 'course/*'.")
    if ".." in glob.split("/"):
        what = f"The glob '{glob[:40]}' leaves its folder."
        raise ToolError("invalid_arguments", what, "Write it without '..'.")


def _check_end(expires: float, now: float, maker_ends: float | None) -> None:
    if expires <= now or expires - now > MAX_SECONDS:
        what = "A token's life must be more than no time and less than five years."
        raise ToolError("invalid_arguments", what, "Write it as 30m, 12h, 7d or 2w.")
    if maker_ends is not None and expires > maker_ends:
        left = max(0, int(maker_ends - now) // 60)
        raise _too_much("a later end than your own", f"Yours ends in {left} minutes.")


def _name(name: str, maker: Principal) -> str:
    given = " ".join(name.split())
    if len(given) > NAME_LIMIT or not given.isprintable():
        what = f"A token's name has at most {NAME_LIMIT} printable characters."
        raise ToolError("invalid_arguments", what, "Choose a shorter one.")
    return given or f"token of {maker.name}"[:NAME_LIMIT]


def _too_much(what: str, remedy: str) -> ToolError:
    return ToolError("forbidden", f"A token can never carry more than its maker: {what}.", remedy)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
