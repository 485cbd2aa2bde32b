"""The policy as its author writes it: a YAML file, read as a whole or refused as a whole.

::

    version: 1
    default: viewer
    subjects:
      - who: "group:students"
        roles: [student]
    roles:
      student:
        extends: [viewer]
        rules:
          - allow: {scope: [edit, execute], resource: "course/*"}
          - deny: {tool: kernel_execute}
            reason: Work in the notebook, so that all can see it.

Whatever is not understood is a mistake, never ignored: a rule that says nothing because of a typing
error would allow what its author wanted to forbid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.nodes import LARGEST, Nodes, line_of, shown
from jupyter_mcp.security.policy.roles import SHIPPED, Role
from jupyter_mcp.security.policy.statements import Names, RuleReader

_DOCUMENT = ("version", "default", "subjects", "roles")
_SUBJECT = ("who", "roles")
_ROLE = ("extends", "rules")
LONGEST_PATH = 4096
DEEPEST = 50
"""How many roles one below the other are looked at for circles."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom some roles are given.

    Args:
        who: ``owner``, ``person``, or a glob: of an identifier (``user:ann``, ``token:*``), of a
            group (``group:students``) or of a name alone.
        roles: Their roles.
        line: The line in the file.
    """

    who: str
    roles: tuple[str, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A policy that was understood.

    Args:
        file: Where it came from; empty for the shipped roles alone.
        default: The roles of people whom it does not name.
        subjects: Who has which roles.
        roles: All roles, the shipped ones among them.
        warnings: What may be a mistake.
    """

    file: str = ""
    default: tuple[str, ...] = ("viewer",)
    subjects: tuple[Subject, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=lambda: SHIPPED)
    warnings: tuple[str, ...] = ()


def read_file(file: Path, names: Names | None = None) -> Document:
    """Read a policy file; blocking.

    Raises:
        ToolError: ``invalid_policy`` with file, line and what is allowed.
    """
    try:
        data = file.read_bytes() if file.stat().st_size <= LARGEST else None
    except OSError as error:
        raise _unreadable(str(file), error.strerror or type(error).__name__) from None
    if data is None:
        raise _unreadable(str(file), "it has more than 1 MiB")
    try:
        return read_text(data.decode("utf-8"), str(file), names)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reader = Nodes(str(file))
        reader.wrong(line, "This is no UTF-8.")
        reader.raise_mistakes()
        raise


def read_text(text: str, file: str, names: Names | None = None) -> Document:
    """Read a policy.

    Args:
        text: The YAML document.
        file: Its name, for messages and for telling which rule decided.
        names: What it may name; None where that is not known yet.

    Raises:
        ToolError: ``invalid_policy`` with file, line and what is allowed.
    """
    if len(text) > LARGEST:
        raise _unreadable(file, "it has more than 1 MiB")
    nodes = Nodes(file)
    document = _Reader(nodes, names).document(nodes.root(text))
    nodes.raise_mistakes()
    return document


class _Reader:
    """Turns nodes into roles and subjects."""

    def __init__(self, nodes: Nodes, names: Names | None) -> None:
        self._nodes = nodes
        self._rules = RuleReader(nodes, names)

    def document(self, node: Any) -> Document:
        """Read the whole document."""
        nodes = self._nodes
        found = nodes.mapping(node, "the policy", _DOCUMENT)
        if "version" in found and nodes.scalar(found["version"], "version") != 1:
            nodes.wrong(line_of(found["version"]), "This version is not known.", "Allowed: 1.")
        written = nodes.mapping(found.get("roles"), "roles")
        known = frozenset(SHIPPED) | frozenset(written)
        own = {name: self._role(name, each, known) for name, each in written.items()}
        self._check_circles(own)
        default = self._roles(found.get("default"), "default", known)
        subjects = nodes.sequence(found.get("subjects"), "subjects")
        return Document(
            file=nodes.file,
            default=default or ("viewer",),
            subjects=tuple(self._subject(each, known) for each in subjects),
            roles={**SHIPPED, **own},
            warnings=tuple(nodes.warnings),
        )

    def _role(self, name: str, node: Any, known: frozenset[str]) -> Role:
        line = line_of(node)
        if name in SHIPPED:
            told = f"extend it under another name: extends: [{name}]."
            self._nodes.wrong(line, f"The role '{name}' comes with the project.", _upper(told))
        found = self._nodes.mapping(node, f"role '{shown(name)}'", _ROLE)
        rules = self._nodes.sequence(found.get("rules"), "rules")
        return Role(
            name=name,
            extends=self._roles(found.get("extends"), "extends", known),
            rules=tuple(rule for rule in (self._rules.rule(each, name) for each in rules) if rule),
            line=line,
        )

    def _roles(self, node: Any, what: str, known: frozenset[str]) -> tuple[str, ...]:
        """Return the roles that are named; each has to be there."""
        if node is None:
            return ()
        named = self._nodes.texts(node, what)
        return tuple(name for line, name in named if self._nodes.one_of(line, "role", name, known))

    def _subject(self, node: Any, known: frozenset[str]) -> Subject:
        found = self._nodes.mapping(node, "a subject", _SUBJECT)
        for missing in (key for key in _SUBJECT if key not in found):
            told = "A subject needs 'who' and 'roles'."
            self._nodes.wrong(line_of(node), f"This subject has no '{missing}'.", told)
        who = self._nodes.text(found["who"], "who") if "who" in found else None
        roles = self._roles(found.get("roles"), "roles", known)
        return Subject(who or "", roles, line_of(node))

    def _check_circles(self, roles: Mapping[str, Role]) -> None:
        """Note roles that extend themselves, by whatever way round."""
        sound: set[str] = set()
        for start in roles.values():
            way: list[str] = []
            self._walk(start, roles, way, sound)

    def _walk(self, role: Role, roles: Mapping[str, Role], way: list[str], sound: set[str]) -> None:
        if role.name in sound:
            return
        if role.name in way:
            told = " extends ".join(
                shown(name) for name in [*way[way.index(role.name) :], role.name]
            )
            self._nodes.wrong(role.line, f"Roles in a circle: {told}.", "Take one out.")
            return
        way.append(role.name)
        for name in role.extends:
            if name in roles and len(way) <= DEEPEST:
                self._walk(roles[name], roles, way, sound)
        way.pop()
        sound.add(role.name)


def _unreadable(file: str, reason: str) -> ToolError:
    return ToolError(
        "invalid_policy",
        f"The policy file '{shown(file, LONGEST_PATH)}' cannot be read: {reason}.",
        "Name a YAML file in JupyterMCP.policy_file that this account can read.",
        data={"file": file, "line": 0},
    )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
