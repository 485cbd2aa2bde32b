"""The rules of a policy file: ``allow``, ``ask`` or ``deny``, of what, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.security.policy.nodes import Nodes, line_of, shown
from jupyter_mcp.security.policy.paths import Globs, is_path_argument, is_wild, normal_path
from jupyter_mcp.security.policy.rules import TESTS, Condition, Effect, Rule, path_globs
from jupyter_mcp.security.principal import ALL_SCOPES

EFFECTS: tuple[Effect, ...] = ("allow", "ask", "deny")
LONGEST = 500
"""The most characters of a glob."""

_RULE = (*EFFECTS, "reason")
_MATCH = ("scope", "toolset", "tool", "except", "destructive", "resource", "outside", "when")


@dataclass(frozen=True, slots=True)
class Names:
    """What a policy may name.

    Args:
        tools: The names of tools, prompts and resources.
        toolsets: The names of toolsets.
    """

    tools: frozenset[str]
    toolsets: frozenset[str]


class RuleReader:
    """Reads rules.

    Args:
        nodes: The file's nodes.
        names: What rules may name; None where that is not known yet.
    """

    def __init__(self, nodes: Nodes, names: Names | None) -> None:
        self._nodes = nodes
        self._names = names

    def rule(self, node: Any, role: str) -> Rule | None:
        """Return the rule that a node describes; None where it describes none."""
        nodes, line = self._nodes, line_of(node)
        found = nodes.mapping(node, "a rule", _RULE)
        effects = [effect for effect in EFFECTS if effect in found]
        if len(effects) != 1:
            nodes.wrong(line, "A rule says one of allow, ask and deny.", "As in: - deny: {tool: x}")
            return None
        reason = nodes.text(found["reason"], "reason") if "reason" in found else ""
        match = nodes.mapping(found[effects[0]], effects[0], _MATCH)
        return Rule(
            effect=effects[0],
            role=role,
            file=nodes.file,
            line=line,
            scopes=self._scopes(match.get("scope")),
            toolsets=self._known(match.get("toolset"), "toolset"),
            tools=self._known(match.get("tool"), "tool"),
            exceptions=self._known(match.get("except"), "tool"),
            destructive=self._destructive(match.get("destructive")),
            resources=self._paths(match.get("resource"), "resource"),
            outside=self._paths(match.get("outside"), "outside"),
            conditions=self._conditions(match.get("when")),
            reason=reason or "",
        )

    def _scopes(self, node: Any) -> frozenset[str] | None:
        if node is None:
            return None
        named = self._nodes.texts(node, "scope")
        known = ALL_SCOPES
        return frozenset(n for line, n in named if self._nodes.one_of(line, "scope", n, known))

    def _destructive(self, node: Any) -> bool | None:
        return None if node is None else self._nodes.truth(node, "destructive")

    def _known(self, node: Any, what: str) -> Globs | None:
        """Return globs of names; one that is no glob has to be the name of something."""
        if node is None:
            return None
        named = self._nodes.texts(node, what)
        if self._names is not None:
            names = self._names.toolsets if what == "toolset" else self._names.tools
            for line, name in named:
                self._check_name(line, what, name, names)
        return Globs(self._short(named))

    def _check_name(self, line: int, what: str, name: str, names: Collection[str]) -> None:
        if not is_wild(name):
            self._nodes.one_of(line, what, name, names)
        elif len(name) <= LONGEST and not any(known in Globs([name]) for known in names):
            warning = f"{self._nodes.file}:{line}: '{shown(name)}' matches no {what} that is here."
            self._nodes.warnings.append(warning)

    def _paths(self, node: Any, what: str) -> Globs | None:
        if node is None:
            return None
        return path_globs(self._placed(self._nodes.texts(node, what)))

    def _placed(self, named: list[tuple[int, str]]) -> list[str]:
        """Return globs of paths; one that goes up can never match and would forbid nothing."""
        for line, glob in named:
            if ".." in glob.split("/"):
                self._nodes.wrong(
                    line, f"'{shown(glob)}' goes up.", "Write the path below the root folder."
                )
        return self._short(named)

    def _short(self, named: list[tuple[int, str]]) -> list[str]:
        for line, glob in named:
            if len(glob) > LONGEST:
                self._nodes.wrong(line, f"A glob has at most {LONGEST} characters.")
        return [glob for _line, glob in named if len(glob) <= LONGEST]

    def _conditions(self, node: Any) -> tuple[Condition, ...]:
        found = self._nodes.mapping(node, "when")
        return tuple(
            Condition(argument, test, self._wanted(argument, test, wanted))  # type: ignore[arg-type]
            for argument, tests in found.items()
            for test, wanted in self._tests(argument, tests).items()
        )

    def _tests(self, argument: str, node: Any) -> dict[str, Any]:
        what = f"'{shown(argument)}'"
        found = self._nodes.mapping(node, what, TESTS)
        if not found and node.id == "mapping" and not node.value:
            told = f"Allowed: {', '.join(TESTS)}."
            self._nodes.wrong(line_of(node), f"Nothing is asked of {what}.", told)
        return found

    def _wanted(self, argument: str, test: str, node: Any) -> Any:
        is_path = is_path_argument(argument)
        match test:
            case "prefix":
                return _prefix(self._nodes.text(node, test) or "", is_path=is_path)
            case "glob":
                named = self._nodes.texts(node, test)
                return path_globs(self._placed(named)) if is_path else Globs(self._short(named))
            case "in":
                each = [self._nodes.scalar(one, test) for one in self._nodes.sequence(node, test)]
                return tuple(_scalar(one, is_path=is_path) for one in each)
            case _:
                return _scalar(self._nodes.scalar(node, test), is_path=is_path)


def _scalar(value: Any, *, is_path: bool) -> Any:
    return normal_path(value) if is_path and isinstance(value, str) else value


def _prefix(text: str, *, is_path: bool) -> str:
    if not is_path:
        return text
    normal = normal_path(text)
    return f"{normal}/" if normal and text.endswith("/") else normal
