"""One rule of a policy: what it is about, what it says, and where it stands.

What a rule asks of an operation (scope, toolset, name) is decided once for each operation; what it
asks of a call (notebooks, arguments) is decided for each call. A rule says nothing of itself about
what wins: deny before ask before allow is for `jupyter_mcp.security.policy.verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from jupyter_mcp.security.policy.paths import Globs, is_path_argument, normal_glob, normal_path

Effect = Literal["allow", "ask", "deny"]
Test = Literal["prefix", "equals", "glob", "in"]

TESTS: tuple[Test, ...] = ("prefix", "equals", "glob", "in")
"""What a condition can ask of an argument."""


class Operation(Protocol):
    """What a rule is asked about; `jupyter_mcp.calls` makes them."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """Its name among its kind."""
        ...

    @property
    def toolset(self) -> str:
        """The toolset that offers it."""
        ...

    @property
    def scope(self) -> Literal["read", "edit", "execute", "admin"]:
        """What a caller must be allowed."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing."""
        ...

    @property
    def destructive(self) -> bool:
        """Whether it can destroy what cannot be brought back."""
        ...

    @property
    def places(self) -> frozenset[str]:
        """The arguments that lead to notebooks or files."""
        ...

    @property
    def pathless(self) -> bool:
        """Whether it shows nothing of other notebooks, without naming one."""
        ...

    async def touches(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the paths that a call touches; None when that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What a call brings, as conditions look at it.

    Args:
        values: The validated arguments; those that are paths in normal form.
        paths: The notebooks and files that it touches, in normal form; None when not known.
    """

    values: Mapping[str, Any]
    paths: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule asks of one argument.

    Args:
        argument: Its name.
        test: How it is compared.
        wanted: With what: a text for ``prefix`` and ``glob``, any scalar for ``equals``, a tuple
            of them for ``in``.
    """

    argument: str
    test: Test
    wanted: Any

    def holds(self, value: Any, *, every: bool) -> bool:
        """Return whether `value` is as wanted; of a list `every` element or any one."""
        if isinstance(value, list | tuple | set | frozenset):
            held = [self._one(each) for each in value]
            return bool(held) and (all(held) if every else any(held))
        return self._one(value)

    def _one(self, value: Any) -> bool:
        match self.test:
            case "prefix":
                return isinstance(value, str) and value.startswith(self.wanted)
            case "glob":
                return isinstance(value, str) and value in self.wanted
            case "equals":
                return same(value, self.wanted)
            case "in":
                return any(same(value, each) for each in self.wanted)


def same(value: Any, wanted: Any) -> bool:
    """Return whether two JSON scalars are equal: true is no 1, and 1 is 1.0."""
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule, compiled.

    Args:
        effect: What it says.
        role: The role it stands in.
        file: The file it stands in; empty for the shipped roles.
        line: Its line there, or its number in a shipped role.
        scopes: The scopes that it is about; None for all. Likewise the others.
        toolsets: Globs of toolsets.
        tools: Globs of names of tools, resources and prompts.
        exceptions: Globs of names that it is not about.
        destructive: Only what is marked destructive, or only what is not.
        resources: Globs of the notebooks and files that it is about.
        outside: Globs of those that it is not about.
        conditions: What it asks of arguments; all have to hold.
        reason: Why, in its author's words.
    """

    effect: Effect
    role: str
    file: str = ""
    line: int = 0
    scopes: frozenset[str] | None = None
    toolsets: Globs | None = None
    tools: Globs | None = None
    exceptions: Globs | None = None
    destructive: bool | None = None
    resources: Globs | None = None
    outside: Globs | None = None
    conditions: tuple[Condition, ...] = ()
    reason: str = ""
    place: str = field(init=False)

    def __post_init__(self) -> None:
        shipped = f"role {self.role} (shipped), rule {self.line}"
        object.__setattr__(self, "place", f"{self.file}:{self.line}" if self.file else shipped)

    @property
    def asks_paths(self) -> bool:
        """Whether it is about some notebooks only."""
        return self.resources is not None or self.outside is not None

    @property
    def is_conditional(self) -> bool:
        """Whether it depends on what a call brings."""
        return bool(self.conditions) or self.asks_paths

    def concerns(self, operation: Operation) -> bool:
        """Return whether it may be about calls of `operation`."""
        return (
            (self.scopes is None or operation.scope in self.scopes)
            and (self.destructive is None or operation.destructive is self.destructive)
            and (self.toolsets is None or operation.toolset in self.toolsets)
            and (self.tools is None or operation.name in self.tools)
            and (self.exceptions is None or operation.name not in self.exceptions)
        )

    def holds(self, facts: Facts) -> bool:
        """Return whether it is about this call of an operation that it concerns.

        Who forbids or asks means each notebook that is touched, and is obeyed where it is not
        known which; who allows means all of them.
        """
        every = self.effect == "allow"
        if self.asks_paths and not self._covers(facts.paths, every=every):
            return False
        return all(
            condition.argument in facts.values
            and condition.holds(facts.values[condition.argument], every=every)
            for condition in self.conditions
        )

    def _covers(self, paths: Sequence[str] | None, *, every: bool) -> bool:
        if paths is None:
            return not every
        if every:
            return bool(paths) and all(map(self._is_about, paths))
        return any(map(self._is_about, paths))

    def _is_about(self, path: str) -> bool:
        return (self.resources is None or path in self.resources) and (
            self.outside is None or path not in self.outside
        )


def path_globs(patterns: Iterable[str]) -> Globs:
    """Return globs of notebooks and files."""
    return Globs(normal_glob(pattern) for pattern in patterns)


def facts_of(values: Mapping[str, Any], paths: Sequence[str] | None, root: str = "") -> Facts:
    """Return what conditions look at, with every path in the form in which paths are compared.

    Args:
        values: The call's arguments.
        paths: What it touches.
        root: The server's root folder.
    """
    touched = None if paths is None else tuple(normal_path(path, root) for path in paths)
    told = {
        name: _as_path(value, root) if is_path_argument(name) else value
        for name, value in values.items()
    }
    return Facts(told, touched)


def _as_path(value: Any, root: str) -> Any:
    if isinstance(value, str):
        return normal_path(value, root)
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_path(each, root) for each in value]
    return value
