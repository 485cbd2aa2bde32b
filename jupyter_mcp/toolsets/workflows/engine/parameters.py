"""The cell that gives a notebook its parameters, by papermill's conventions."""

from __future__ import annotations

import copy
import keyword
import uuid
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.errors import ToolError

DEFAULTS = "parameters"
INJECTED = "injected-parameters"

_IDS = uuid.UUID("6f0b6c1e-7a53-4c44-9a39-0f9d1f6a9a11")


def injected(notebook: Mapping[str, Any], parameters: Any) -> dict[str, Any]:
    """Return a copy of a notebook without outputs and with its parameters put in.

    Args:
        notebook: A notebook as JSON.
        parameters: Values by name, as a mapping.

    Raises:
        ToolError: ``invalid_arguments`` for what is no mapping and a name that is no Python name,
            ``unsupported`` for a notebook of another language.
    """
    if not isinstance(parameters, Mapping):
        raise ToolError(
            "invalid_arguments",
            "The notebook's parameters are no mapping.",
            "Give values by their names.",
        )
    made: dict[str, Any] = copy.deepcopy(dict(notebook))
    cells = [_without_outputs(cell) for cell in made["cells"]]
    if parameters:
        _check_language(made)
        cells = _with(cells, _cell(parameters, has_id=any("id" in cell for cell in cells)))
    return {**made, "cells": cells}


def _with(cells: list[dict[str, Any]], cell: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the cell where an injected one was, else behind the defaults, else first."""
    for index, each in enumerate(cells):
        if _has_tag(each, INJECTED):
            rest = [one for one in cells[index + 1 :] if not _has_tag(one, INJECTED)]
            return [*cells[:index], cell, *rest]
    places = [index + 1 for index, each in enumerate(cells) if _has_tag(each, DEFAULTS)]
    place = places[0] if places else 0
    return [*cells[:place], cell, *cells[place:]]


def _cell(parameters: Mapping[str, Any], *, has_id: bool) -> dict[str, Any]:
    lines = ["# Parameters"]
    for name, value in parameters.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ToolError(
                "invalid_arguments",
                f"The parameter '{name[:80]}' is no name in Python.",
                "Use letters, digits and '_'.",
            )
        lines.append(f"{name} = {value!r}")
    source = "\n".join(lines)
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": [INJECTED]},
        "outputs": [],
        "source": source,
    }
    # The same parameters give the same cell, so that a repeated call is the same call.
    return {**cell, "id": uuid.uuid5(_IDS, source).hex[:12]} if has_id else cell


def _without_outputs(cell: Any) -> dict[str, Any]:
    emptied: dict[str, Any] = (
        {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    )
    return {**cell, **emptied}


def _has_tag(cell: Mapping[str, Any], tag: str) -> bool:
    return tag in (cell.get("metadata") or {}).get("tags", ())


def _check_language(notebook: Mapping[str, Any]) -> None:
    about = notebook.get("metadata") or {}
    named = [
        (about.get("language_info") or {}).get("name"),
        (about.get("kernelspec") or {}).get("language"),
    ]
    language = next((str(each) for each in named if each), "python")
    if language.lower() != "python":
        raise ToolError(
            "unsupported",
            f"Parameters can be put into Python notebooks only, and this one is {language}.",
            "Let it read its parameters from a file.",
        )
