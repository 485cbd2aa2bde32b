"""Cells of files without ids, or with the same one twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.workplace import addresses


def raw(source: str | list[str], cell_id: str | None = None) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": "code", "source": source, "metadata": {}}
    return cell if cell_id is None else {**cell, "id": cell_id}


@given(st.lists(st.sampled_from(["a", "b", "", "a\nb"]), max_size=8), st.sampled_from([4, 5]))
def test_addresses_are_unique_and_the_same_each_time(sources: list[str], minor: int) -> None:
    cells = [raw(source) for source in sources]
    found = addresses(cells, minor)
    assert len(set(found)) == len(cells)
    assert addresses(cells, minor) == found
    assert all(address.replace("-", "").isalnum() and len(address) <= 64 for address in found)


def test_a_new_cell_above_leaves_the_addresses_of_an_old_notebook() -> None:
    cells = [raw("a"), raw("b")]
    assert addresses([raw("new"), *cells], 4)[1:] == addresses(cells, 4)


def test_ids_count_from_format_4_5_on_and_doubles_are_told_apart() -> None:
    cells = [raw("a", "x"), raw("b", "x"), raw("c")]
    assert addresses(cells, 5)[:2] == ["x", "x-2"]
    assert "x" not in addresses(cells, 4)


def test_lines_and_a_text_are_the_same_source_and_so_is_the_input_of_old_notebooks() -> None:
    cells = [raw("a\nb"), raw(["a\n", "b"]), {"cell_type": "code", "input": "a\nb"}]
    assert len({addresses([cell], 4)[0] for cell in cells}) == 1


def test_any_json_has_an_address() -> None:
    assert addresses([{"cell_type": [], "source": {"a": [1]}}, {"source": ["a", 1]}], 5)
