from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.search.index.model import Progress
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.scopes.distributions import distributions
from jupyter_mcp.toolsets.search.scopes.docs import DocsScope

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
    ((chunk, score),) = scope.search(Query("move without burning"))
    assert chunk.symbol == "kitchen.soup.Pot.stir"
    assert (chunk.path, chunk.line, chunk.end_line) == ("kitchen/soup.py", 8, 9)
    assert chunk.kind == "docs"
    assert chunk.text.startswith(
        "async def stir(self, times: int=3, *, spoon='big') -> None\nMove the soup"
    )
    assert score > 0
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


def test_an_update_that_is_cancelled_goes_on_later(scope: DocsScope, install: Install) -> None:
    install("a", "1", {"a.py": '"""Soup."""'})
    install("b", "1", {"b.py": '"""Soup."""'})
    done: list[Progress] = []
    report = scope.update(done.append, lambda: bool(done))
    assert report.is_cancelled
    assert report.added == 1
    assert symbols(scope, "soup") == ["a"]
    assert scope.update().added == 1
    assert sorted(symbols(scope, "soup")) == ["a", "b"]


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
