"""Which arguments of an operation name notebooks and files.

A policy that speaks of notebooks has to know what a call touches before it runs. Arguments that are
paths are known by their names, the same in all toolsets: ``path``, ``paths``, ``…_path`` and
``…_paths``. What else leads to a notebook, such as a kernel, its own toolset tells.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def is_place(argument: str) -> bool:
    """Return whether an argument of that name is a path or a list of them."""
    return argument in {"path", "paths"} or argument.endswith(("_path", "_paths"))


def places_among(arguments: Iterable[str], others: frozenset[str]) -> frozenset[str]:
    """Return those arguments that lead to notebooks or files.

    Args:
        arguments: The names of an operation's arguments.
        others: What its toolset counts among them besides paths.
    """
    return frozenset(name for name in arguments if is_place(name) or name in others)


def arguments_of(function: Callable[..., Any], schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of what a function takes, by its signature and its JSON Schema."""
    named = inspect.signature(function).parameters
    return frozenset(named) | frozenset(schema.get("properties") or ())


def paths_among(values: Mapping[str, Any]) -> list[str]:
    """Return the paths among the values of a call."""
    found: list[str] = []
    for name, value in values.items():
        if value is not None and is_place(name):
            several = isinstance(value, list | tuple | set | frozenset)
            found += [str(each) for each in value] if several else [str(value)]
    return found
