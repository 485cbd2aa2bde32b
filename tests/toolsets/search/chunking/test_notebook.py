from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.chunking.chunker import chunk, chunk_notebook
from jupyter_mcp.toolsets.search.chunking.languages import named
from jupyter_mcp.toolsets.search.walking.reading import Unreadable
from jupyter_mcp.workplace import addresses
from support.projects import code, markdown, notebook

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                """
                cells worksheets source input id cell_type outputs data text metadata name
                language_info text/plain output_type
                """.split()  # noqa: SIM905 - a list of words reads better than one of strings
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_an_id_that_no_store_can_keep_is_replaced_by_one_of_the_contents() -> None:
    told = [code(each, f"value_{number} = 1") for number, each in enumerate(["\ud800", "x" * 101])]
    ids = [each.cell_id for each in chunk("a.ipynb", notebook(*told))]
    assert ids == addresses([{**each, "id": ""} for each in told], 5)
    assert ids == [each.cell_id for each in chunk("a.ipynb", notebook(*told))]


def test_a_cell_is_found_with_what_a_reader_sees_around_it() -> None:
    text = notebook(
        markdown("m1", "# Analysis\n\nIntroduction."),
        markdown("m2", "## Cleaning\n\nNormalise the counts."),
        code(
            "c1",
            "def normalise(x):\n    return x / x.sum()\nnormalise(y)",
            "\x1b[31m0.25\x1b[0m 0.75\n",
        ),
        code("c2", "plot(y)"),
        {"cell_type": "raw", "id": "r1", "source": "raw text"},
        code("c3", "  \n"),
    )
    chunks = chunk("a/x.ipynb", text)
    assert [each.cell_id for each in chunks] == ["m1", "m2", "c1", "c2", "r1"]
    assert [each.language for each in chunks] == ["markdown", "markdown", "python", "python", ""]
    assert {each.kind for each in chunks} == {"notebook"}
    assert [each.symbol for each in chunks] == ["Analysis", "Cleaning", "normalise", "", ""]
    assert chunks[2].extra == (
        "Analysis > Cleaning\n## Cleaning\n\nNormalise the counts.\n0.25 0.75"
    )
    assert chunks[3].extra == "Analysis > Cleaning"
    assert (chunks[2].line, chunks[2].end_line, chunks[2].ordinal) == (1, 3, 2)


def test_a_cell_that_only_searches_is_no_piece() -> None:
    sources = {
        "one": "%mcp search where do I normalise the counts",
        "all": "# look\n%load_ext jupyter_mcp\n\n%mcp search in:docs counts\n%mcp index",
        "kept": "found = %mcp search counts",
        "whole": "%%mcp search\nwhere are the counts",
    }
    work = {
        "run": "%mcp notebook_list",
        "mixed": "%mcp search counts\ncounts = counts / counts.sum()",
        "comment": "# %mcp search counts",
        "words": "%mcp searching",
    }
    cells = [code(name, source) for name, source in {**sources, **work}.items()]
    chunks = chunk("x.ipynb", notebook(markdown("m", "About counts."), *cells))
    assert [each.cell_id for each in chunks] == ["m", *work]
    assert chunks[1].extra.startswith("About counts.")


def test_long_markdown_and_output_are_told_in_part() -> None:
    cell = code("c", "run()", "o" * 5000)
    cell["outputs"] += [
        {"output_type": "display_data", "data": {"text/plain": "<Figure size 1x1 with 1 Axes>"}},
    ]
    chunks = chunk_notebook("x.ipynb", {"cells": [markdown("m", "start " * 500 + "end"), cell]})
    extra = chunks[-1].extra
    assert extra.startswith("start ") is False
    assert "start end\nooo" in extra
    assert len(extra) < 1210
    errors = code("c", "run()")
    errors["outputs"] = [{"output_type": "error", "ename": "KeyError", "evalue": "'x'"}]
    pictures = code("d", "plot()")
    pictures["outputs"] = [
        {"output_type": "execute_result", "data": {"text/plain": ["<A at 0x7>"]}}
    ]
    chunks = chunk_notebook("x.ipynb", {"cells": [errors, pictures]})
    assert [each.extra for each in chunks] == ["KeyError: 'x'", ""]


def test_cells_without_ids_keep_their_names_when_others_come() -> None:
    cells = [{"cell_type": "code", "source": [f"x = {n}\n", "y"]} for n in (1, 2, 2)]
    before = [each.cell_id for each in chunk_notebook("x.ipynb", {"cells": cells})]
    assert len(set(before)) == 3
    new = {"cell_type": "code", "source": "new"}
    after = [each.cell_id for each in chunk_notebook("x.ipynb", {"cells": [new, *cells]})]
    assert after[1:] == before


def test_cells_are_called_as_other_tools_call_them() -> None:
    cells = [
        code("a", "x = 1"),
        code("a", "x = 2"),
        {**code("p", "x = 1"), "metadata": {"tags": ["private"]}},
        {"cell_type": "code", "source": ["x = ", "3\n"], "outputs": []},
        {"cell_type": "markdown", "source": "About x."},
        code("", "x = 3\n"),
    ]
    for minor in (4, 5):
        given = {"cells": cells, "nbformat": 4, "nbformat_minor": minor}
        told = [each.cell_id for each in chunk_notebook("x.ipynb", given)]
        named = addresses(cells, minor)
        assert told == [*named[:2], *named[3:]]
        assert len(set(named)) == len(cells)


def test_a_long_cell_is_cut_into_lines_of_the_cell() -> None:
    source = "\n".join(f"value_{n} = read({n})" for n in range(400))
    chunks = chunk("x.ipynb", notebook(code("c", source)))
    assert len(chunks) > 2
    assert {each.cell_id for each in chunks} == {"c"}
    for each in chunks:
        assert each.text == "\n".join(source.split("\n")[each.line - 1 : each.end_line])
    assert [each.ordinal for each in chunks] == list(range(len(chunks)))


def test_old_notebooks_and_other_languages_are_read() -> None:
    old = {
        "worksheets": [{"cells": [{"cell_type": "code", "input": "print 1", "language": "python"}]}]
    }
    assert [each.text for each in chunk_notebook("x.ipynb", old)] == ["print 1"]
    julia = json.loads(notebook(code("c", "function f(x) end"), language="Julia"))
    assert [(each.language, each.symbol) for each in chunk_notebook("x.ipynb", julia)] == [
        ("julia", "f")
    ]


@pytest.mark.parametrize(
    ("kernel", "language"),
    [("C++", "cpp"), ("C++17", "cpp"), ("C#", "csharp"), ("R", "r"), ("ipython", "python")],
)
def test_a_kernels_language_is_called_as_a_filter_calls_it(kernel: str, language: str) -> None:
    [found] = chunk("x.ipynb", notebook(code("c", "int f(int x) { return x; }"), language=kernel))
    assert found.language == language == named(kernel)


def test_text_that_no_store_can_keep_is_made_readable() -> None:
    text = '{"cells": [{"cell_type": "code", "source": "a = \\"\\u0000\\ud800\\""}]}'
    (only,) = chunk("x.ipynb", text)
    assert only.text == 'a = "\ufffd?"'
    only.text.encode()


@given(JSON)
def test_any_json_is_a_notebook_or_said_to_be_none(value: object) -> None:
    try:
        cells = [each.cell_id for each in chunk_notebook("x.ipynb", value)]
    except Unreadable as unreadable:
        cells = [unreadable.reason.removeprefix("corrupt notebook")]
        assert cells[0] != unreadable.reason  # noqa: PT017 - either is right
    assert all(cells)
