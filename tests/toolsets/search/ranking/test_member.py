from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.chunker import chunk as cut
from jupyter_mcp.toolsets.search.ranking.member import best_member, member_at

CODE = '''class Basket:
    """Holds fruit."""

    def weigh(self):
        return self.peel() + 1

    # Takes the skin off.
    @property
    def peel(self):
        """Remove the skin."""
        return self.skin - 1

    def count(self):
        return len(self)
'''


def shared(text: str = CODE, path: str = "a.py", line: int = 1) -> Chunk:
    """Return the piece that several definitions share."""
    [found] = [each for each in cut(path, "\n" * (line - 1) + text) if ", " in each.symbol]
    return found


def test_the_definition_that_fits_is_told_with_its_lines() -> None:
    group = shared(line=10)
    assert group.symbol == "Basket.weigh, Basket.peel, Basket.count"
    found = best_member("remove the skin", group)
    assert (found.symbol, found.line, found.end_line) == ("Basket.peel", 18, 20)
    assert found.text.splitlines()[0].strip() == "def peel(self):"
    assert best_member("weigh", group).line == 13
    assert best_member("Basket.count", group).symbol == "Basket.count"


def test_lines_end_as_they_are_counted() -> None:
    group = shared(CODE.replace("\n", "\r"))
    assert best_member("remove the skin", group).line == 9
    assert member_at(9, group).text.startswith("    def peel(self):\n")


def test_a_name_that_is_only_used_is_no_definition() -> None:
    assert member_at(5, shared()).symbol == "Basket.weigh"
    assert member_at(9, shared()).symbol == "Basket.peel"


def test_comments_belong_to_what_stands_below() -> None:
    weigh = member_at(4, shared())
    assert (weigh.line, weigh.end_line) == (4, 5)


def test_a_piece_is_left_whole_when_nothing_in_it_fits() -> None:
    group = shared()
    assert best_member("launch a rocket", group) is group
    single = Chunk("a.md", "markdown", "markdown", 1, 2, "# Install, use\ntext", "Install, use")
    assert best_member("install", single) is single
    assert member_at(1, single) is single


def test_other_languages_too() -> None:
    group = shared("func Peel(a int) int {\n\treturn a\n}\n\nfunc Cut() {\n\tPeel(1)\n}\n", "a.go")
    found = best_member("cut", group)
    assert (found.symbol, found.line, found.end_line) == ("Cut", 5, 7)


@given(st.text(max_size=300), st.lists(st.text(max_size=8), max_size=4), st.text(max_size=40))
def test_any_piece_has_its_definition_within_it(text: str, names: list[str], asked: str) -> None:
    last = 7 + text.count("\n")
    whole = Chunk("a.py", "code", "python", 7, last, text, ", ".join(names))
    for found in (best_member(asked, whole), *(member_at(line, whole) for line in range(6, 12))):
        assert 7 <= found.line <= found.end_line <= last
        assert found.text in text
