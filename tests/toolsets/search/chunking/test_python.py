from __future__ import annotations

import textwrap
import warnings
from typing import TYPE_CHECKING

from jupyter_mcp.toolsets.search.chunking.chunker import chunk

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.chunk import Chunk

FILLER = "\n".join(f"        value_{n} = compute(value_{n - 1})" for n in range(1, 9))

SOURCE = f'''\
#!/usr/bin/env python
"""Counts things.{" It is long." * 40}"""

import os
{chr(10).join(f"import module_{n}" for n in range(30))}

LIMIT = 3


# How it is done.
@cache
@other(
    1,
)
def count(items):
    """Count."""
    def inner():
        pass
{FILLER.replace("        ", "    ")}
    return len(items)


class Counter(Base, metaclass=Meta):
    """Keeps counts."""

    total: int = 0

    def add(self, item):
        """Add an item."""
{FILLER}

    step = 1

    # About removal.
    @property
    async def remove(self, item):
{FILLER}

    class Inner:
        """Is inside."""

        def deep(self):
    {FILLER}


if TYPE_CHECKING:
    def conditional():
{FILLER}

if __name__ == "__main__":
    count([])
'''


def by_symbol(chunks: list[Chunk]) -> dict[str, Chunk]:
    found: dict[str, Chunk] = {}
    for each in chunks:
        if each.symbol:
            found.setdefault(each.symbol, each)
    return found


def test_each_function_and_method_is_a_chunk_with_what_belongs_to_it() -> None:
    found = by_symbol(chunk("a/counter.py", SOURCE))
    assert list(found) == [
        "count",
        "Counter",
        "Counter.add",
        "Counter.remove",
        "Counter.Inner",
        "Counter.Inner.deep",
        "conditional",
    ]
    assert found["count"].text.startswith("# How it is done.\n@cache\n@other(")
    assert found["count"].text.endswith("return len(items)")
    assert found["Counter"].text.endswith("total: int = 0")
    assert found["Counter"].extra == ""
    assert found["Counter.add"].text.startswith("    def add(self, item):")
    assert found["Counter.add"].extra == "class Counter(Base, metaclass=Meta):"
    assert found["Counter.remove"].text.startswith("    # About removal.\n    @property\n")
    assert found["Counter.Inner.deep"].extra == (
        "class Counter(Base, metaclass=Meta):\nclass Inner:"
    )
    assert found["conditional"].text.startswith("if TYPE_CHECKING:\n    def conditional():")


def test_the_rest_of_a_module_is_not_lost() -> None:
    chunks = chunk("counter.py", SOURCE)
    rest = [each.text for each in chunks if not each.symbol]
    assert rest[0].startswith("#!/usr/bin/env python")
    assert rest[0].endswith('"""')
    assert rest[1].startswith("import os")
    assert rest[1].endswith("import module_29")
    assert rest[2] == "LIMIT = 3"
    assert rest[3].startswith("if __name__")
    attributes = next(each for each in chunks if each.text.strip() == "step = 1")
    assert attributes.symbol == "Counter"
    assert [each.ordinal for each in chunks] == list(range(len(chunks)))
    assert {each.kind for each in chunks} == {"code"}
    assert {each.language for each in chunks} == {"python"}


def test_a_long_function_is_cut_and_each_part_names_it() -> None:
    body = "\n".join(f"    line_{n} = some_function(line_{n - 1}, {n})" for n in range(1, 200))
    head = "class A:\n    x = 1\n\n    def long(\n        self, first,\n    ):\n"
    source = head + textwrap.indent(body, "    ")
    parts = [each for each in chunk("x.py", source) if each.symbol == "A.long"]
    assert len(parts) > 2
    assert all(len(each.text) <= 2500 for each in parts)
    assert parts[0].extra == "class A:"
    assert {each.extra for each in parts[1:]} == {"class A:\ndef long( self, first, ):"}
    assert [each.line for each in parts[1:]] == [each.end_line + 1 for each in parts[:-1]]


def test_tiny_neighbours_are_found_together_and_named() -> None:
    source = (
        "class E(Exception):\n    pass\n\n\nclass F(E):\n    pass\n\n\ndef f():\n    return 1\n"
    )
    (only,) = chunk("errors.py", source)
    assert only.symbol == "E, F, f"
    assert only.text == source.strip()


def test_a_long_table_is_found_by_its_name() -> None:
    table = "\n".join(f'    "key{n}": {n},' for n in range(40))
    chunks = chunk("x.py", f"import os\n\nNAMES = {{\n{table}\n}}\n\nother = 1\n")
    assert [each.symbol for each in chunks] == ["", "NAMES", ""]


def test_a_syntax_error_leaves_the_lines_that_define() -> None:
    old = f"class Old:\n    def method(self):\n{FILLER}\n        print 'x'\n"
    source = f"def first():\n{FILLER}\n\n{old}"
    found = by_symbol(chunk("old.py", source))
    assert set(found) == {"first", "Old", "Old.method"}
    assert found["Old.method"].text.endswith("print 'x'")
    assert found["Old.method"].extra == "class Old:"


def test_what_breaks_parsers_only_costs_the_structure() -> None:
    for source in (
        "x = " + "(" * 5000,
        "x = " + "-" * 200_000 + "1",
        "a\n" * 9 + "\0",
        "x" + ".y" * 2000,
    ):
        chunk("deep.py", source.replace("-", "-\\\n") if len(source) > 9000 else source)


def test_strange_escapes_in_other_files_say_nothing_here() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (only,) = chunk("x.py", "def f():\n    return '\\d' is 1\n")
    assert only.symbol == "f"
