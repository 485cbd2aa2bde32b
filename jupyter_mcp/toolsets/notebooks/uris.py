"""The names of notebooks, cells and outputs as resources."""

from __future__ import annotations

from urllib.parse import quote

NOTEBOOK = "notebook://{+path}"
CELL = "cell://{cell_id}/{+path}"
CELL_OUTPUT = "cell-output://{cell_id}/{index}/{+path}"
OUTPUT = "output://{id}"
VARIABLES = "kernel://{kernel_id}/variables"


def notebook_uri(path: str) -> str:
    """Return the URI of a notebook."""
    return f"notebook://{quote(path)}"


def cell_uri(path: str, cell_id: str) -> str:
    """Return the URI of a cell."""
    return f"cell://{quote(cell_id, safe='')}/{quote(path)}"


def output_uri(path: str, cell_id: str, index: int) -> str:
    """Return the URI of one output of a cell, in its richest form."""
    return f"cell-output://{quote(cell_id, safe='')}/{index}/{quote(path)}"
