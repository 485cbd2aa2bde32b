"""A rule in words, for whoever wants to see what a role may do without opening its file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_mcp.security.policy.paths import Globs
from jupyter_mcp.security.policy.rules import Condition, Rule


def in_words(rule: Rule) -> str:
    """Return what a rule says and of what, by the keys with which a policy file writes it."""
    asked = [
        _named("scope", sorted(rule.scopes or ())),
        _named("toolset", _patterns(rule.toolsets)),
        _named("tool", _patterns(rule.tools)),
        "" if rule.destructive is None else f"destructive: {str(rule.destructive).lower()}",
        _named("except", _patterns(rule.exceptions)),
        _named("resource", _patterns(rule.resources)),
        _named("outside", _patterns(rule.outside)),
        *map(_condition, rule.conditions),
    ]
    return f"{rule.effect} {'; '.join(filter(None, asked)) or 'everything'}"


def _named(key: str, values: Iterable[Any]) -> str:
    told = ", ".join(str(value) for value in values)
    return f"{key}: {told}" if told else ""


def _patterns(globs: Globs | None) -> tuple[str, ...]:
    return () if globs is None else globs.patterns


def _condition(condition: Condition) -> str:
    wanted = condition.wanted
    if isinstance(wanted, Globs):
        wanted = wanted.patterns
    told = ", ".join(map(_value, wanted)) if isinstance(wanted, tuple) else _value(wanted)
    return f"when {condition.argument} {condition.test}: {told}"


def _value(wanted: Any) -> str:
    return str(wanted) or "''"
