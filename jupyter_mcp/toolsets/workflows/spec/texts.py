"""Reads the text of a spec, YAML or JSON, as JSON data that knows where everything stands.

YAML is read as its version 1.2 means it for JSON data (the core schema): ``yes`` and a date are
text. There are no tags, no merge keys and no keys twice. It is read event by event, because the
library's own composer recurses and a few thousand brackets end the process (libyaml 0.2.5); an
alias is allowed, what all of them unfold to is limited.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.toolsets.workflows.spec.problems import Problem
from jupyter_mcp.toolsets.workflows.spec.references import Place, shown

LARGEST = 1 << 20
"""Characters of the largest text."""
MOST_VALUES = 100_000
DEEPEST = 64
LARGEST_INT = 1 << 63
SHOWN = 80

Mark = tuple[int, int]

_CORE = "tag:yaml.org,2002:"
NULL = re.compile(r"~|null|Null|NULL|")
TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def whole(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """Return a pattern that only matches whole texts."""
    return re.compile(rf"(?:{pattern.pattern})\Z")


class Unreadable(Exception):  # noqa: N818 - it is a finding
    """What a text has that ends its reading."""

    def __init__(self, message: str, remedy: str = "", mark: Mark = (0, 0)) -> None:
        super().__init__(message)
        self.problem = Problem("", message, remedy, *mark)


@dataclass(slots=True)
class Source:
    """What was read.

    Args:
        data: JSON data; None when it could not be read.
        problems: What is wrong with it as text or as data.
        marks_of: Finds the marks by place, when they are asked for.
    """

    data: Any
    problems: list[Problem]
    marks_of: Callable[[], Mapping[str, Mark]] = dict

    def located(self, problems: list[Problem]) -> list[Problem]:
        """Return problems with their lines, in the order in which they stand in the text."""
        if not problems:
            return []
        marks = self.marks_of()
        found = [_located(problem, marks) for problem in problems]
        return sorted(found, key=lambda each: (each.line, each.column))


def read(source: str | bytes | Mapping[str, Any]) -> Source:
    """Return a text, or data that somebody else has read, as JSON data with its problems."""
    if isinstance(source, Mapping):
        return Source(source, list(_wrong(source)))
    try:
        text = _text(source)
        return _from_json(text) if text.lstrip()[:1] == "{" else _from_yaml(text)
    except Unreadable as error:
        return Source(None, [error.problem])


def _text(source: str | bytes) -> str:
    if len(source) > LARGEST:
        raise Unreadable(f"The text is larger than {LARGEST >> 20} MiB.", "Use subworkflows.")
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise Unreadable("The text is not UTF-8.", "Save it as UTF-8.", (line, 1)) from None


def _from_json(text: str) -> Source:
    def marks() -> Mapping[str, Mark]:
        try:
            return _Events(text).read()[1]
        except Unreadable:
            return {}

    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _from_yaml(text)
    return Source(data, list(_wrong(data)), marks)


def _from_yaml(text: str) -> Source:
    data, marks, problems = _Events(text).read()
    return Source(data, problems or list(_wrong(data)), lambda: marks)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _located(problem: Problem, marks: Mapping[str, Mark]) -> Problem:
    place = problem.place
    while place and not problem.line:
        if place in marks:
            return Problem(problem.place, problem.message, problem.remedy, *marks[place])
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return problem


def _wrong(data: Any) -> Iterator[Problem]:
    """Yield what JSON data must not have; not all of it where there is too much."""
    waiting: list[tuple[Place, Any]] = [((), data)]
    seen = 0
    while waiting:
        place, value = waiting.pop()
        seen += 1
        if seen > MOST_VALUES:
            yield Problem("", f"There are more than {MOST_VALUES} values.", "Use subworkflows.")
            return
        if len(place) > DEEPEST:
            told = f"This is nested more than {DEEPEST} levels deep."
            yield Problem(shown(place[:4]), told, "Flatten it.")
            return
        if isinstance(value, Mapping):
            yield from _wrong_keys(place, value)
            waiting += [((*place, str(key)), inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [((*place, index), inner) for index, inner in enumerate(value)]
        elif message := _wrong_value(value):
            yield Problem(shown(place), message[0], message[1])


def _wrong_keys(place: Place, value: Mapping[Any, Any]) -> Iterator[Problem]:
    for key in value:
        if not isinstance(key, str) or _wrong_value(key):
            yield Problem(shown(place), f"The key {str(key)[:SHOWN]!a} is no text.", "Write text.")


def _wrong_value(value: Any) -> tuple[str, str] | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        bad = any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
        return ("This text has characters that cannot be kept.", "Take them out.") if bad else None
    if isinstance(value, int):
        big = not -LARGEST_INT <= value < LARGEST_INT
        return ("This number has more than 64 bits.", "Write it as text.") if big else None
    if isinstance(value, float):
        return None if math.isfinite(value) else ("This is no number.", "JSON has no such value.")
    return f"This is a {type(value).__name__}, which JSON cannot say.", "Write it as text."


@dataclass(slots=True)
class _Level:
    """A list or a mapping that is being read."""

    value: list[Any] | dict[str, Any]
    place: Place
    anchor: str | None
    key: str | None = None
    ignored: bool = False


@dataclass(slots=True)
class _Events:
    """Makes data of the events of the YAML parser."""

    text: str
    marks: dict[str, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, Any] = field(default_factory=dict)
    levels: list[_Level] = field(default_factory=list)
    roots: list[Any] = field(default_factory=list)
    seen: int = 0

    def read(self) -> tuple[Any, dict[str, Mark], list[Problem]]:
        """Return the data, the marks by place, and what is wrong.

        Raises:
            Unreadable: It is no YAML, or too much of it.
        """
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for event in yaml.parse(self.text, Loader=loader):
                self._take(type(event).__name__, event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            told = " ".join(str(error.problem or error.context).split())
            raise Unreadable(
                f"This is no valid YAML: {told}.", "", _mark_of(mark) if mark else (1, 1)
            ) from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            told = str(getattr(error, "reason", "it cannot be read"))
            raise Unreadable(f"This is no valid YAML: {told}.", "", (1, 1)) from None
        if len(self.roots) != 1:
            told = "There is nothing." if not self.roots else "There is more than one document."
            raise Unreadable(told, "Write one mapping with 'name' and 'nodes'.")
        return self.roots[0], self.marks, self.problems

    def _take(self, kind: str, event: Any) -> None:
        self.seen += 1
        if self.seen > 2 * MOST_VALUES or len(self.levels) > DEEPEST:
            raise Unreadable("This is too large or nested too deeply.", "", self._mark(event))
        if kind == "ScalarEvent":
            self._scalar(event)
        elif kind in {"SequenceStartEvent", "MappingStartEvent"}:
            self._open(event, [] if kind == "SequenceStartEvent" else {})
        elif kind in {"SequenceEndEvent", "MappingEndEvent"}:
            level = self.levels.pop()
            if level.anchor:
                self.anchors[level.anchor] = level.value
        elif kind == "AliasEvent":
            if event.anchor not in self.anchors:
                told = f"There is no anchor '{event.anchor[:SHOWN]}' before this."
                raise Unreadable(told, "", self._mark(event))
            self._put(self.anchors[event.anchor], event)

    def _scalar(self, event: Any) -> None:
        level = self.levels[-1] if self.levels else None
        if level and isinstance(level.value, dict) and level.key is None:
            self._key(level, event)
            return
        value = self._value(event)
        if event.anchor:
            self.anchors[event.anchor] = value
        self._put(value, event)

    def _key(self, level: _Level, event: Any) -> None:
        key = self._value(event)
        place = shown((*level.place, str(key)))
        if not isinstance(key, str):
            self._wrong(place, f"The key {str(key)[:SHOWN]!a} is no text.", "Quote it.", event)
        level.key = str(key)
        level.ignored = level.key in level.value
        if level.ignored:
            told = f"The key {level.key[:SHOWN]!a} is there twice."
            self._wrong(place, told, "Take one of them out.", event)
        else:
            self.marks[place] = self._mark(event)

    def _open(self, event: Any, value: list[Any] | dict[str, Any]) -> None:
        kind = "seq" if isinstance(value, list) else "map"
        if event.tag not in {None, "!", _CORE + kind}:
            self._wrong(shown(self._place()), "There are no tags here.", "Take it out.", event)
        place = self._place()
        self._put(value, event)
        self.levels.append(_Level(value, place, event.anchor))

    def _put(self, value: Any, event: Any) -> None:
        self.marks.setdefault(shown(self._place()), self._mark(event))
        if not self.levels:
            self.roots.append(value)
            return
        level = self.levels[-1]
        if isinstance(level.value, list):
            level.value.append(value)
        elif level.key is None:
            raise Unreadable("A key has to be text.", "Write 'key: value'.", self._mark(event))
        else:
            if not level.ignored:
                level.value[level.key] = value
            level.key = None

    def _place(self) -> Place:
        if not self.levels:
            return ()
        level = self.levels[-1]
        last = len(level.value) if isinstance(level.value, list) else level.key
        return (*level.place, last if last is not None else "")

    def _value(self, event: Any) -> Any:
        text, tag = str(event.value), event.tag
        if tag is None and event.implicit[0]:
            return self._resolved(text, event)
        if tag in {None, "!", _CORE + "str"}:
            return text
        if tag in {_CORE + name for name in ("int", "float", "bool", "null")}:
            return self._resolved(text, event)
        self._wrong(shown(self._place()), "There are no tags here.", "Take it out.", event)
        return text

    def _resolved(self, text: str, event: Any) -> Any:
        if NULL.fullmatch(text):
            return None
        if TRUTH.fullmatch(text):
            return text.lower() == "true"
        if INT.fullmatch(text):
            if len(text) > SHOWN:
                return LARGEST_INT  # which is refused
            digits = text.removeprefix("0o").removeprefix("0x")
            return int(digits, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if FLOAT.fullmatch(text):
            return float(text)
        if NO_NUMBER.fullmatch(text):
            told = "JSON has no such number."
            self._wrong(shown(self._place()), told, "Put it in quotes, or leave it out.", event)
        return text

    def _wrong(self, place: str, message: str, remedy: str, event: Any) -> None:
        self.problems.append(Problem(place, message, remedy, *self._mark(event)))

    def _mark(self, event: Any) -> Mark:
        return _mark_of(event.start_mark)


def _mark_of(mark: Any) -> Mark:
    return int(mark.line) + 1, int(mark.column) + 1
