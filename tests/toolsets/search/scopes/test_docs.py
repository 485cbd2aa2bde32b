from __future__ import annotations

import importlib.util
import sqlite3
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.search.index.model import Progress
from jupyter_mcp.toolsets.search.query import Mode, Query
from jupyter_mcp.toolsets.search.scopes import readers
from jupyter_mcp.toolsets.search.scopes.distributions import distributions
from jupyter_mcp.toolsets.search.scopes.docs import DocsScope
from jupyter_mcp.toolsets.search.scopes.readers import Reader
from jupyter_mcp.toolsets.search.scopes.reading_order import ReadingOrder, names_in
from support.projects import slow_source

SOUP = '''"""Soups of all kinds."""
import os
raise SystemExit("nobody imports this")

class Pot(object):
    """Holds what is cooked."""

    async def stir(self, times: int = 3, *, spoon="big") -> None:
        """Move the soup around, \\d so that it does not burn."""

    def _hidden(self):
        """Not told."""

def salad():
    return 1
'''

Install = Callable[..., Path]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def install(site: Path) -> Install:
    """Return what puts a package into `site` as an installer does."""

    def put(name: str, version: str, files: dict[str, str], *, is_direct: bool = False) -> Path:
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        for path, text in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in files))
        if is_direct:
            (info / "REQUESTED").touch()
        return info

    return put


@pytest.fixture
def scope(tmp_path: Path, site: Path) -> Iterator[DocsScope]:
    opened = DocsScope(tmp_path / "state", [str(site), str(tmp_path / "nowhere")])
    yield opened
    opened.close()


def symbols(scope: DocsScope, text: str) -> list[str]:
    return [chunk.symbol for chunk, _ in scope.search(Query(text))]


def test_documentation_is_found_with_its_signature_and_line(
    scope: DocsScope, install: Install
) -> None:
    install("kitchen", "1.0", {"kitchen/__init__.py": "", "kitchen/soup.py": SOUP})
    report = scope.update()
    assert (report.added, report.changed, report.removed, report.chunks) == (1, 0, 0, 3)
    ((chunk, told),) = scope.search(Query("move without burning"))
    assert chunk.symbol == "kitchen.soup.Pot.stir"
    assert (chunk.path, chunk.line, chunk.end_line) == ("kitchen/soup.py", 8, 9)
    assert chunk.kind == "docs"
    assert chunk.text.startswith(
        "async def stir(self, times: int=3, *, spoon='big') -> None\nMove the soup"
    )
    assert told.score > 0
    assert symbols(scope, "kitchen.soup.Pot")[0] == "kitchen.soup.Pot"
    assert symbols(scope, "told") == []
    assert symbols(scope, "salad") == []


def test_only_what_changed_is_read_again(scope: DocsScope, install: Install, site: Path) -> None:
    install("Kitchen_Tools", "1.0", {"kitchen/soup.py": SOUP})
    install("empty", "1.0", {"empty/__init__.py": ""})
    told: list[Progress] = []
    scope.update(told.append)
    assert [(each.done, each.total) for each in told] == [(1, 2), (2, 2)]
    told.clear()
    assert scope.update(told.append).chunks == 0
    assert told == []
    old = site / "Kitchen_Tools-1.0.dist-info"
    (old / "RECORD").unlink()
    old.rmdir()
    install("Kitchen_Tools", "2.0", {"kitchen/soup.py": SOUP.replace("stir", "shake")})
    report = scope.update()
    assert (report.added, report.changed, report.removed) == (0, 1, 0)
    assert "kitchen.soup.Pot.shake" in symbols(scope, "soup")
    assert "kitchen.soup.Pot.stir" not in symbols(scope, "soup")


def test_what_is_no_longer_installed_is_forgotten(scope: DocsScope, install: Install) -> None:
    info = install("kitchen", "1.0", {"kitchen/soup.py": SOUP})
    scope.update()
    (info / "RECORD").unlink()
    info.rmdir()
    assert scope.update().removed == 1
    assert symbols(scope, "soup") == []


def test_packages_that_somebody_asked_for_come_first(install: Install, site: Path) -> None:
    install("aaa", "1", {})
    install("zzz", "1", {}, is_direct=True)
    assert [each.name for each in distributions([str(site)])] == ["zzz", "aaa"]


def test_private_modules_and_tests_are_left_out(install: Install, site: Path) -> None:
    paths = ["k/__init__.py", "k/_core.py", "k/tests/a.py", "k/test_b.py", "k/b.py", "../bin/x.py"]
    install("k", "1", dict.fromkeys(paths[:-1], ""))
    (site / "k-1.dist-info" / "RECORD").write_text("".join(f"{path},,\n" for path in paths))
    (found,) = distributions([str(site)])
    assert found.modules() == [("k/__init__.py", "k"), ("k/b.py", "k.b")]


def lines(*told: str) -> str:
    return "\n".join(told) + "\n"


def function(name: str, told: str) -> str:
    return f'def {name}(x):\n    """{told}"""\n'


def test_what_public_modules_export_from_private_ones_is_found_by_its_public_name(
    scope: DocsScope, install: Install
) -> None:
    window = function("window", "Slide over an array.") + function("inner", "Nobody exports it.")
    install(
        "k",
        "1",
        {
            "k/__init__.py": "from ._core import mean, _own, cube as dice\nfrom . import tricks\n",
            "k/_core/__init__.py": "from .reduce import *\nfrom .shapes import cube\n",
            "k/_core/reduce.py": function("mean", "Average of all values."),
            "k/_core/shapes.py": lines("class cube:", '    """Six sides."""', "    def roll(self):")
            + '        """Turn it to another side."""\n',
            "k/tricks.py": "from ._impl import window  # noqa\n",
            "k/_impl.py": window,
            "k/listed.py": "from ._impl import *\n__all__ = ['inner_of_all']\n",
            "k/own.py": lines("from ._impl import inner", function("shown", "Own.")),
        },
    )
    scope.update()
    found = {chunk.symbol: chunk for chunk, _ in scope.search(Query("k", limit=50, path="k"))}
    for word in ("slide", "average", "sides", "another", "nobody", "own"):
        found |= {chunk.symbol: chunk for chunk, _ in scope.search(Query(word))}
    assert set(found) == {"k.tricks.window", "k.mean", "k.dice", "k.dice.roll", "k.own.shown"}
    assert (found["k.tricks.window"].path, found["k.tricks.window"].line) == ("k/_impl.py", 1)
    assert (found["k.dice.roll"].path, found["k.dice.roll"].line) == ("k/_core/shapes.py", 3)


def test_of_a_large_package_what_is_at_hand_in_itself_is_kept(
    scope: DocsScope, install: Install
) -> None:
    many = {f"k/a{at:03}.py": function(f"common_{at}", "Common.") * 20 for at in range(160)}
    head = "try:\n    from k.z.deep.readers import read_table\nfinally:\n    pass\n"
    deep = function("read_table", "Read a table from a file.")
    install("k", "1", {"k/__init__.py": head, "k/z/deep/readers.py": deep, **many})
    scope.update()
    ((chunk, _),) = scope.search(Query("table"))
    assert (chunk.symbol, chunk.path, chunk.line) == ("k.read_table", "k/z/deep/readers.py", 1)


def test_of_a_package_that_exports_thousands_all_that_is_public_is_read(
    scope: DocsScope, install: Install
) -> None:
    many = {f"k/_m{at:03}.py": function(f"made{at:03}", "Made.") for at in range(120)}
    head = "".join(f"from ._m{at:03} import made{at:03}\n" for at in range(120))
    install("k", "1", {"k/__init__.py": head, "k/z.py": function("last", "Public."), **many})
    scope.update()
    assert symbols(scope, "public") == ["k.z.last"]
    assert len(scope.search(Query("made", limit=200))) == 100


def test_modules_that_import_each_other_are_read_once(scope: DocsScope, install: Install) -> None:
    install(
        "k",
        "1",
        {
            "k/__init__.py": "from ._a import *\nfrom ._b import there\nfrom ._no import thing\n",
            "k/_a.py": "from ._b import *\nfrom .... import far\n" + function("here", "Here."),
            "k/_b.py": "from ._a import *\nfrom ._a import there\n",
        },
    )
    scope.update()
    assert symbols(scope, "here") == ["k.here"]


def test_packages_that_were_read_in_another_way_are_read_again(
    tmp_path: Path, site: Path, install: Install
) -> None:
    install("k", "1", {"k.py": function("soup", "Boil it.")})
    scope = DocsScope(tmp_path, [str(site)])
    scope.update()
    scope.close()
    with closing(sqlite3.connect(tmp_path / "docs.db")) as connection, connection:
        connection.execute("DELETE FROM meta WHERE name = 'reading'")
    scope = DocsScope(tmp_path, [str(site)])
    assert symbols(scope, "boil") == []
    assert scope.update().added == 1
    scope.close()
    scope = DocsScope(tmp_path, [str(site)])
    assert symbols(scope, "boil") == ["k.soup"]
    assert scope.update().added == 0
    scope.close()


def test_an_update_that_is_cancelled_goes_on_later(scope: DocsScope, install: Install) -> None:
    install("a", "1", {"a.py": '"""Soup."""'})
    install("b", "1", {"b.py": '"""Soup."""'})
    done: list[Progress] = []
    report = scope.update(done.append, lambda: bool(done))
    assert report.is_cancelled
    assert report.added == 1
    assert len(symbols(scope, "soup")) == 1
    assert scope.update().added == 1
    assert sorted(symbols(scope, "soup")) == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (Query("stir the soup"), "bowl"),
        (Query("how does zebra parse"), "Zebra_Kit"),
        (Query("zebra.crossing.Light"), "Zebra_Kit"),
        (Query("use Zebra-Kit"), "Zebra_Kit"),
        (Query("zebra_kit"), "Zebra_Kit"),
        (Query("light", path="zebra/crossing.py"), "Zebra_Kit"),
        (Query("light", path="zebra"), "Zebra_Kit"),
    ],
)
def test_a_package_that_a_question_names_is_read_first(
    install: Install, site: Path, query: Query, first: str
) -> None:
    for name in ("bowl", "cup"):
        install(name, "1", {f"{name}.py": '"""Soup."""'}, is_direct=True)
    install("Zebra_Kit", "1", {"zebra/__init__.py": "", "zebra/crossing.py": SOUP})
    order = ReadingOrder(distributions([str(site)]), names_in(query))
    each = order.next()
    assert each
    assert each.name == first
    assert order.lacks(names_in(query)) is (first != "bowl")
    order.done(each)
    assert not order.lacks(names_in(query))


def test_a_package_can_be_preferred_while_others_are_read(
    scope: DocsScope, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MOST_PROCESSES", 1)  # a second one may take long to start
    for number in range(12):
        install(f"cup{number:02}", "1", {f"cup{number:02}.py": '"""Soup."""'})
    install("zebra", "1", {"zebra.py": '"""Soup."""'})
    done: list[str] = []

    def tell(progress: Progress) -> None:
        scope.prefer(Query("zebra"))
        done.append(progress.path)

    assert scope.update(tell).added == 13
    assert "zebra-1" in done[:8]
    assert not scope.lacks(Query("zebra"))


def test_reading_ends_within_a_moment_whatever_is_being_read(
    scope: DocsScope, install: Install
) -> None:
    slow = {f"slow/part{number}.py": slow_source() for number in range(30)}
    install("slow", "1", slow)
    began = time.monotonic()
    assert scope.update(is_cancelled=lambda: time.monotonic() - began > 0.3).is_cancelled
    assert time.monotonic() - began < 8


def test_a_reader_that_dies_loses_one_package_only(install: Install, site: Path) -> None:
    install("kitchen", "1", {"soup.py": SOUP})
    (kitchen,) = distributions([str(site)])
    reader = Reader()
    try:
        assert reader.read(kitchen)
        assert reader._process
        reader._process.kill()
        reader._process.wait()
        assert reader.read(kitchen) == []
        assert reader.read(kitchen)
    finally:
        reader.close()
    assert reader.read(kitchen) == []


def test_what_is_dropped_is_read_anew(scope: DocsScope, install: Install) -> None:
    install("kitchen", "1.0", {"kitchen/soup.py": SOUP})
    scope.update()
    assert scope.holds("kitchen/soup.py")
    scope.drop()
    assert symbols(scope, "soup") == []
    assert not scope.holds("kitchen")
    assert scope.update().added == 1


@pytest.mark.parametrize(
    "source",
    ['"""Soup."""\ndef (', '"""\ud800'.encode("utf-8", "replace").decode(), '"""' + "(" * 3000],
)
def test_a_file_that_cannot_be_parsed_is_left_out(
    scope: DocsScope, install: Install, source: str
) -> None:
    install("broken", "1", {"a_broken.py": source, "b_good.py": '"""Soup."""'})
    scope.update()
    assert symbols(scope, "soup") == ["b_good"]


def test_patterns_work_too(scope: DocsScope, install: Install) -> None:
    install("kitchen", "1.0", {"kitchen/soup.py": SOUP})
    scope.update()
    ((chunk, _),) = scope.search(Query(r"times: \w+=3", mode="regex"))
    assert chunk.symbol == "kitchen.soup.Pot.stir"


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_pages_are_parts_of_one_list(scope: DocsScope, install: Install, mode: Mode) -> None:
    told = [" ".join(["bowl"] * (1 + each % 7) + ["of soup"] * (each % 5)) for each in range(700)]
    source = "".join(
        f'def f{each}():\n    """Take.\n\n    {text}"""\n' for each, text in enumerate(told)
    )
    install("kitchen", "1.0", {"kitchen.py": source})
    scope.update()

    def found(limit: int) -> list[str]:
        return [chunk.symbol for chunk, _ in scope.search(Query("bowl of soup", limit, mode))]

    whole = found(501)
    assert len(set(whole)) == len(whole) == 501
    for limit in (11, 290, 311, 450):
        assert found(limit) == whole[:limit]


@pytest.mark.parametrize("mode", ["literal", "regex"])
def test_a_docstring_with_a_word_on_several_lines_is_one_hit(
    scope: DocsScope, install: Install, mode: Mode
) -> None:
    bowls = "    A bowl.\n\n    The bowl.\n    This bowl."
    source = f'"""Bowl, a bowl\nand a bowl."""\n\ndef fill(bowl):\n    """\n{bowls}\n    """\n'
    install("kitchen", "1.0", {"kitchen.py": source})
    scope.update()
    for limit in (10, 2):
        found = scope.search(Query("bowl", limit, mode))
        assert [chunk.symbol for chunk, _ in found] == ["kitchen", "kitchen.fill"]


def test_a_damaged_database_is_built_anew(tmp_path: Path, site: Path, install: Install) -> None:
    install("kitchen", "1.0", {"kitchen/soup.py": SOUP})
    (tmp_path / "docs.db").write_bytes(b"damaged" * 1000)
    scope = DocsScope(tmp_path, [str(site)])
    assert scope.update().chunks == 3
    scope.close()


def test_a_real_environment_is_read_and_nothing_of_it_imported(tmp_path: Path) -> None:
    scope = DocsScope(tmp_path, [sysconfig.get_paths()["purelib"]])
    done: list[Progress] = []
    before = set(sys.modules)
    scope.update(done.append, lambda: len(done) >= 10)
    assert not {
        name for name in set(sys.modules) - before if not name.startswith("jupyter_mcp")
    } & {each.path.partition("-")[0] for each in done}
    assert scope.search(Query("return the version"))
    scope.close()


NUMBERS = '''"""Numbers."""
class ParserError(ValueError):
    """Error that read_csv raises: the csv to read is no csv. Read on: how to read csv files."""

class Frame:
    """Rows and columns.

    To read a csv into a frame: read_csv; a frame is what read_csv returns.
    """

def read_csv(path):
    """Load a table of comma-separated values into a frame.

    Much is said here of commas, of quotes, of lines that are too long and of what is done then.
    """
'''


def test_what_a_thing_is_for_counts_more_than_what_else_is_told_of_it(
    scope: DocsScope, install: Install
) -> None:
    install("numbers", "1.0", {"numbers/__init__.py": NUMBERS})
    scope.update()
    assert symbols(scope, "read csv into a frame")[0] == "numbers.read_csv"
    (_, best), *_ = scope.search(Query("read csv into a frame"))
    assert {"lexical", "words", "static"} <= best.parts.keys()
    by_words = scope.search(Query("read csv into a frame", mode="lexical"))
    assert by_words[0][0].symbol != "numbers.read_csv"
    assert by_words[0][1].parts == {"lexical": 1.0}


def test_a_package_that_is_named_comes_first(scope: DocsScope, install: Install) -> None:
    """Also where the other one is at hand and this one lies deep in its package."""
    told = 'def window(array):\n    """Move a window over an array."""\n'
    install("arrays", "1.0", {"arrays/lib/tricks/views.py": told})
    install("tools", "1.0", {"tools/__init__.py": told})
    scope.update()
    assert symbols(scope, "moving window")[0] == "tools.window"
    assert symbols(scope, "arrays moving window")[0] == "arrays.lib.tricks.views.window"


def test_without_numpy_names_and_first_lines_are_compared_by_their_words(
    scope: DocsScope, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    install("numbers", "1.0", {"numbers/__init__.py": NUMBERS})
    scope.update()
    (chunk, best), *_ = scope.search(Query("table of comma-separated values"))
    assert chunk.symbol == "numbers.read_csv"
    assert "static" not in best.parts


@pytest.mark.timeout(120)
def test_modules_that_import_all_from_each_other_are_soon_read(
    scope: DocsScope, install: Install
) -> None:
    names = [f"m{number}" for number in range(60)]
    stars = "".join(f"from .{name} import *\n" for name in names)
    files = {f"knot/{name}.py": f"import os\n{stars}" for name in names}
    told = '"""Of knots."""\n__all__ = ["a", "b", "c", "d", "tied"]\nfrom ._tie import tied\n'
    files["knot/__init__.py"] = told + stars
    files["knot/_tie.py"] = 'def tied():\n    """Say whether the rope is tied."""\n'
    install("knot", "1.0", files)
    scope.update()
    assert symbols(scope, "is the rope tied")[0] == "knot.tied"
