"""A tool as its server describes it, for help, completion and the parsing of arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """What a server says of a tool.

    Args:
        name: Its name.
        description: What it does.
        title: The name that people see.
        input_schema: JSON Schema of its arguments.
        annotations: MCP's hints: ``readOnlyHint``, ``destructiveHint`` and so on.
    """

    name: str
    description: str = ""
    title: str = ""
    input_schema: Mapping[str, Any] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def unlisted(cls, name: str) -> ToolInfo:
        """Return what is known of a tool that its server does not list.

        It is called all the same: the server knows whether there is no such tool or the caller may
        not use it, says which, and keeps the refusal in its audit.
        """
        return cls(name, input_schema={"additionalProperties": True})

    @property
    def arguments(self) -> dict[str, Mapping[str, Any]]:
        """The schema of each argument, references resolved."""
        return {name: self.resolve(spec) for name, spec in self._properties.items()}

    @property
    def required(self) -> frozenset[str]:
        """The arguments that must be given."""
        return frozenset(self.input_schema.get("required", ()))

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.description.strip().split("\n", 1)[0]

    def resolve(self, spec: Any) -> Mapping[str, Any]:
        """Return `spec` with a reference into ``$defs`` replaced by what it names."""
        seen = 0
        while isinstance(spec, Mapping) and "$ref" in spec and seen < len(self._definitions) + 1:
            rest = {key: value for key, value in spec.items() if key != "$ref"}
            name = str(spec["$ref"]).rpartition("/")[2]
            spec = {**self._definitions.get(name, {}), **rest}
            seen += 1
        return spec if isinstance(spec, Mapping) else {}

    def to_markdown(self) -> str:
        """Return the tool's help."""
        lines = [f"### {self.name}", "", self.description.strip(), ""]
        if self.arguments:
            lines += ["| argument | type | default | meaning |", "|---|---|---|---|"]
        for name, spec in self.arguments.items():
            default = "**required**" if name in self.required else _default_of(spec)
            meaning = str(spec.get("description", "")).replace("|", "\\|").replace("\n", " ")
            lines.append(f"| `{name}` | {type_name(self, spec)} | {default} | {meaning} |")
        return "\n".join(lines)

    @property
    def _properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.input_schema.get("properties") or {}
        return found

    @property
    def _definitions(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.input_schema.get("$defs") or {}
        return found


def variants(info: ToolInfo, spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the schemas of which a value has to fit one."""
    spec = info.resolve(spec)
    for key in ("anyOf", "oneOf"):
        if key in spec:
            return [found for part in spec[key] for found in variants(info, part)]
    kinds = spec.get("type")
    if isinstance(kinds, list):
        return [{**spec, "type": kind} for kind in kinds]
    return [spec]


def choices(info: ToolInfo, spec: Mapping[str, Any]) -> list[Any]:
    """Return the values that an enumeration allows, or both truth values; else an empty list."""
    found: list[Any] = []
    for variant in variants(info, spec):
        if "const" in variant:
            found.append(variant["const"])
        elif variant.get("type") == "boolean":
            found += [True, False]
        else:
            found += variant.get("enum", [])
    return found


def type_name(info: ToolInfo, spec: Mapping[str, Any]) -> str:
    """Return the name of a type for people, such as ``list of string``."""
    return " or ".join(dict.fromkeys(_kind(info, v) for v in variants(info, spec))).replace("|", "")


def _kind(info: ToolInfo, variant: Mapping[str, Any]) -> str:
    if "enum" in variant or "const" in variant:
        values = variant.get("enum", [variant.get("const")])
        return ", ".join(f"`{json.dumps(value)}`" for value in values)
    kind = str(variant.get("type", "any"))
    if kind == "array":
        return f"list of {type_name(info, variant.get('items') or {})}"
    return kind


def _default_of(spec: Mapping[str, Any]) -> str:
    return f"`{json.dumps(spec['default'])}`" if "default" in spec else ""
