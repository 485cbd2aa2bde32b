"""References ``${…}``: put in, never evaluated.

A reference is a path of names and positions, as in ``${nodes.load.output.rows.0.name}`` or
``${parameters["a name"]}``. Text that is nothing but one reference becomes the value itself, with
its type; in other text the value is put in, as JSON where it is no text. ``$${`` is the text
``${``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.errors import ToolError

LARGEST = 16 << 20
"""Characters of the largest text that references are put into."""
SHOWN = 80
LISTED = 12

Key = str | int
Place = tuple[Key, ...]

_TOKEN = re.compile(r"\$\$\{|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z0-9_-]+)
      | \[(?P<index>\d{1,9})\]
      | \[(?P<quoted>"(?:[^"\\\x00-\x1f]|\\.)*")\]""",
    re.VERBOSE,
)
_POSITION = re.compile(r"[0-9]{1,9}")
_INSIDE = re.compile(r'(?:[^"}]+|"(?:[^"\\]|\\.)*")*')


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference as it is written.

    Args:
        path: Its names and positions, the first being where it starts, such as ``parameters``.
        text: What stands between the braces.
        column: Where it starts in its text, from 1 on.
        place: Where the text stands in the value that was searched.
    """

    path: Place
    text: str
    column: int = 1
    place: Place = ()

    @property
    def root(self) -> str:
        """Where it starts: ``parameters``, ``nodes``, ``workflow`` or the name of an element."""
        return str(self.path[0])

    @property
    def node(self) -> str | None:
        """The id of the node that it refers to, if it does."""
        return str(self.path[1]) if self.root == "nodes" and len(self.path) > 1 else None


def parse(text: str) -> list[str | Reference]:
    """Return text as what it is made of: plain texts, already unescaped, and references.

    Raises:
        ToolError: ``invalid_arguments`` for what starts like a reference and is none.
    """
    parts: list[str | Reference] = []
    at = 0
    while found := _TOKEN.search(text, at):
        parts.append(text[at : found.start()])
        if found.group() == "$${":
            parts.append("${")
            at = found.end()
            continue
        end = _end(text, found)
        inside = text[found.end() : end]
        parts.append(Reference(_path(inside, text, found), inside.strip(), found.start() + 1))
        at = end + 1
    parts.append(text[at:])
    return _joined(parts)


def is_reference(text: str) -> bool:
    """Return whether a text is one reference and nothing else, so that it keeps its type."""
    try:
        parts = parse(text)
    except ToolError:
        return False
    return len(parts) == 1 and isinstance(parts[0], Reference)


def find(value: Any) -> Iterator[Reference]:
    """Yield every reference in a value, with its place there.

    Raises:
        ToolError: As `parse`.
    """
    for place, text in texts(value):
        for part in parse(text):
            if isinstance(part, Reference):
                yield Reference(part.path, part.text, part.column, place)


def texts(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield every text in a value that may hold references, with its place."""
    if isinstance(value, str):
        if "${" in value:
            yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(inner, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from texts(inner, (*place, index))


def escape(text: str) -> str:
    """Return text that `resolve` turns back into this text."""
    return text.replace("${", "$${")


def resolve(value: Any, scope: Mapping[str, Any], *, is_lenient: bool = False) -> Any:
    """Return a value with its references replaced, everything else copied.

    Args:
        value: JSON data.
        scope: The values by where references start: ``{"parameters": …, "nodes": {id: {"output":
            …, "status": …}}, "workflow": {"id": …}}`` and, in a map, the element by its name.
        is_lenient: Whether what leads nowhere becomes null.

    Raises:
        ToolError: ``invalid_arguments`` for what starts like a reference and is none,
            ``not_found`` where it leads nowhere, ``too_large`` for a text of too many characters.
    """
    if isinstance(value, str):
        return _filled(value, scope, is_lenient=is_lenient) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: resolve(each, scope, is_lenient=is_lenient) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(each, scope, is_lenient=is_lenient) for each in value]
    return value


def look_up(reference: Reference, scope: Mapping[str, Any], *, is_lenient: bool = False) -> Any:
    """Return what a reference refers to, or null where it leads nowhere and that is no mistake.

    Raises:
        ToolError: ``not_found``, which says the part that is missing and what there is.
    """
    value: Any = scope
    for index, key in enumerate(reference.path):
        try:
            value = _step(value, key)
        except LookupError:
            if is_lenient:
                return None
            raise _missing(reference, index, value) from None
    return value


def shown(path: Sequence[Key], longest: int = SHOWN) -> str:
    """Return a path as people write it: ``nodes[2].retry.attempts``.

    Args:
        path: Its names and positions.
        longest: The longest name; more of it is cut off.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _NAME.fullmatch(key[:longest]):
            text += f".{key[:longest]}" if text else key[:longest]
        else:
            text += f"[{json.dumps(key[:longest], ensure_ascii=True)}]"
    return text


def written(path: Sequence[Key]) -> str:
    """Return the reference to a path."""
    return f"${{{shown(path, LARGEST)}}}"


def nearest(name: str, names: Sequence[str]) -> str:
    """Return the remedy for a name that there is not."""
    near = difflib.get_close_matches(name[:SHOWN], names, n=2)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    if not names:
        return "There is none."
    listed = ", ".join(repr(each[:SHOWN]) for each in names[:LISTED])
    return f"There is {listed}{', …' if len(names) > LISTED else ''}."


def _end(text: str, found: re.Match[str]) -> int:
    """Return where a reference's brace closes; one in quotes does not count.

    A quote that is not closed ends the search: to try each of thousands takes minutes.
    """
    inside = _INSIDE.match(text, found.end())
    at = inside.end() if inside else len(text)
    if at >= len(text) or text[at] != "}":
        raise _wrong(text, found, "is not closed", "Add '}', or write '$${' for the text '${'.")
    return at


def _path(inside: str, text: str, found: re.Match[str]) -> Place:
    told = "Write a path such as '${parameters.x}'; expressions compute, references do not."
    stripped = inside.strip(" ")
    start = _NAME.match(stripped)
    if start is None:
        raise _wrong(text, found, "is no reference", told)
    path: list[Key] = [start.group()]
    at = start.end()
    while at < len(stripped):
        step = _STEP.match(stripped, at)
        if step is None:
            raise _wrong(text, found, "is no reference", told)
        path.append(_key(step))
        at = step.end()
    return tuple(path)


def _key(step: re.Match[str]) -> Key:
    if step["index"] is not None:
        return int(step["index"])
    if step["quoted"] is None:
        return str(step["name"])
    try:
        return str(json.loads(step["quoted"]))
    except ValueError:
        return str(step["quoted"])[1:-1]


def _wrong(text: str, found: re.Match[str], what: str, remedy: str) -> ToolError:
    end = text.find("}", found.start())
    told = text[found.start() : min(end + 1 or len(text), found.start() + SHOWN)]
    column = found.start() + 1
    return ToolError(
        "invalid_arguments",
        f"'{told}' {what} (column {column}).",
        remedy,
        data={"column": column},
    )


def _joined(parts: list[str | Reference]) -> list[str | Reference]:
    joined: list[str | Reference] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    if len(joined) > 1 and joined[0] == "":
        del joined[0]
    return joined


def _filled(text: str, scope: Mapping[str, Any], *, is_lenient: bool) -> Any:
    parts = parse(text)
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return _copied(look_up(parts[0], scope, is_lenient=is_lenient))
    filled: list[str] = []
    size = 0
    for part in parts:
        found = part if isinstance(part, str) else look_up(part, scope, is_lenient=is_lenient)
        filled.append(_as_text(found))
        size += len(filled[-1])
        if size > LARGEST:
            raise ToolError(
                "too_large",
                f"The text '{text[:SHOWN]}' has more than {LARGEST} characters with its values.",
                "Refer to a smaller part of the value.",
            )
    return "".join(filled)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _copied(value: Any) -> Any:
    """Return a copy of JSON data, so that who gets it changes nothing for others."""
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(inner) for inner in value]
    return value


def _step(value: Any, key: Key) -> Any:
    if isinstance(value, Mapping):
        return value[str(key)]
    if isinstance(value, list | tuple) and (isinstance(key, int) or _POSITION.fullmatch(key)):
        return value[int(key)]
    raise LookupError(key)


def _missing(reference: Reference, index: int, value: Any) -> ToolError:
    key = reference.path[index]
    before = shown(reference.path[:index])
    where = f" in {before}" if before else ""
    told = f"${{{reference.text[:SHOWN]}}} leads nowhere: "
    if isinstance(value, Mapping):
        what = f"there is no '{str(key)[:SHOWN]}'{where}."
        remedy = nearest(str(key), [str(name) for name in value])
    elif isinstance(value, list | tuple):
        what = f"{before} is a list of {len(value)}, which has no '{str(key)[:SHOWN]}'."
        remedy = "Positions count from 0."
    else:
        what = f"{before} is {_kind(value)}, which has no parts."
        remedy = "Refer to the value itself."
    return ToolError("not_found", told + what, remedy, data={"reference": reference.text[:SHOWN]})


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return {str: "text", int: "a number", float: "a number"}.get(type(value), "a value")
