"""The shipped templates: right by the real catalog, and tried with the real tools."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_mcp.protocol.wire import tool_result
from jupyter_mcp.toolsets.workflows.spec.arguments import with_defaults
from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.schemas import mismatches
from jupyter_mcp.toolsets.workflows.templates.shipped import shipped
from support.file_benches import settings
from support.flows import Bench, Ended, Toolbox, bench, done
from support.notebooks import code
from support.runtimes import OWNER, running
from support.workshops import Workshop, workshop

Json = dict[str, Any]
GIVEN: Mapping[str, Json] = {
    "data-check": {"path": "a.csv"},
    "grade-notebooks": {"submissions": "a", "checks": "b.py", "grades": "c.csv"},
    "index-refresh": {},
    "nightly-notebook": {"path": "a.ipynb"},
    "tests-on-change": {"path": "project"},
}


async def test_each_is_right_by_the_real_catalog(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        tools = runtime.catalog.seen_tools(OWNER)
        problems = {
            title: check(each.spec, tools, GIVEN[each.name]) for title, each in shipped().items()
        }
    assert problems == {f"{name}@1.0.0": [] for name in GIVEN}


def test_each_has_its_own_name_and_hash() -> None:
    library = shipped().values()
    assert len({each.title for each in library}) == len({each.hash for each in library}) == 5


def test_each_says_what_it_is_for_and_what_it_takes() -> None:
    for each in shipped().values():
        assert each.spec.description
        schema = each.spec.parameters
        assert schema is not None
        told = [field for field in schema["properties"].values() if "description" not in field]
        assert all("default" in field for field in told), each.title
        assert list(mismatches(with_defaults(each.spec, GIVEN[each.name]), schema)) == []


class Server(Toolbox):
    """A server's own tools, beside those of the toolbox; notes for the panel are kept."""

    def __init__(self, shop: Workshop) -> None:
        super().__init__({"workflow_notify": self._told})
        self.shop = shop
        self.notes: list[Json] = []

    async def call(self, run: str, tool: str, arguments: Mapping[str, Any], **more: Any) -> Any:
        if tool in self.tools:
            return await super().call(run, tool, arguments, **more)
        result = await self.shop.ask(tool, **arguments)
        return tool_result(result)

    def _told(self, arguments: Json) -> Json:
        self.notes.append(arguments)
        return done(delivered=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with workshop(tmp_path_factory.mktemp("library"), **settings()) as shop:
        yield Server(shop)


@pytest_asyncio.fixture(loop_scope="module")
async def flows(server: Server, tmp_path: Path) -> AsyncIterator[Bench]:
    server.notes.clear()
    server.kept.clear()
    async with bench(str(tmp_path / "workflows.db"), toolbox=server) as made:
        yield made


async def do(flows: Bench, name: str, **parameters: Any) -> Ended:
    """Run a template as the server starts it."""
    spec = shipped()[f"{name}@1.0.0"].spec
    return await flows.run(spec.to_dict(), parameters=with_defaults(spec, parameters))


@pytest.mark.asyncio(loop_scope="module")
async def test_the_index_is_brought_up_to_date(server: Server, flows: Bench) -> None:
    (server.shop.root / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    ended = await do(flows, "index-refresh")
    assert (ended.status, ended.error) == ("succeeded", None)
    assert ended.outputs["state"]["files"] > 0
    assert ended.nodes["tell"] == "skipped"
    assert server.notes == []


@pytest.mark.asyncio(loop_scope="module")
async def test_the_notebook_runs_with_its_values_and_is_kept(server: Server, flows: Bench) -> None:
    reads = "print(open('beside.txt').read(), station * 2)"
    cells = code("station = 'a'", "c1", tags=["parameters"]), code(reads, "c2")
    path = server.shop.notebook(*cells, name="reports/report.ipynb")
    (path.parent / "beside.txt").write_text("in its own folder")
    values = {"station": "xy"}
    ended = await do(flows, "nightly-notebook", path="reports/report.ipynb", values=values)
    assert (ended.status, ended.error) == ("succeeded", None)
    kept = server.shop.root / "nightly" / f"{ended.run}.ipynb"
    outputs = [cell["outputs"] for cell in json.loads(kept.read_text())["cells"]]
    assert "".join(outputs[-1][0]["text"]) == "in its own folder xyxy\n"
    (note,) = server.notes
    assert note["body"] == f"3 cells ran; the result is nightly/{ended.run}.ipynb."


@pytest.mark.asyncio(loop_scope="module")
async def test_data_that_is_right_is_not_told_of(server: Server, flows: Bench) -> None:
    (server.shop.root / "good.csv").write_text("name,price\na,1\nb,2.5\n")
    ended = await do(flows, "data-check", path="good.csv", columns=["name"], rows=2)
    assert (ended.status, ended.error) == ("succeeded", None)
    figures = ended.outputs["figures"]["columns"]["price"]
    assert figures == {"missing": 0, "numbers": 2, "texts": 0, "mean": 1.75, "min": 1, "max": 2.5}
    assert server.notes == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("fail", [True, False])
async def test_data_that_is_wrong_is_told_of(server: Server, flows: Bench, *, fail: bool) -> None:
    (server.shop.root / "bad.csv").write_text("name;price\na;-1\nb;\nc;x;7\n")
    limits: Json = {"columns": ["id"], "rows": 4, "ranges": {"price": {"min": 0, "max": 5}}}
    ended = await do(flows, "data-check", path="bad.csv", separator=";", fail=fail, **limits)
    assert ended.status == ("failed" if fail else "succeeded")
    (note,) = server.notes
    assert json.loads(note["body"]) == [
        "There are 3 rows, fewer than 4.",
        "1 rows have more or fewer values than there are columns.",
        "There is no column 'id'.",
        "The column 'price' misses 1 of 3 values.",
        "The column 'price' has 1 values that are no numbers.",
        "The column 'price' goes down to -1.",
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_tests_run_when_something_has_changed(server: Server, flows: Bench) -> None:
    repository = server.shop.root / "project"
    git = repository_in(repository)
    (repository / "test_sums.py").write_text(TEST)
    git("add", ".")
    git("commit", "-qm", "first")
    first = await do(flows, "tests-on-change", path="project")
    assert (first.status, first.error) == ("succeeded", None)
    assert first.outputs["is_changed"] == {"branch": "changed"}
    again = await do(flows, "tests-on-change", path="project")
    assert (again.status, again.outputs["is_changed"]) == ("succeeded", {"branch": "same"})
    assert {again.nodes[each] for each in ("box", "note", "verdict")} == {"skipped"}
    (repository / "test_sums.py").write_text(TEST.replace("== 2", "== 3"))
    changed = await do(flows, "tests-on-change", path="project")
    assert changed.status == "failed"
    assert "The tests fail" in (changed.error or {})["message"]
    (note,) = server.notes
    assert note["subject"] == "Tests of project fail"
    assert "FAILED (failures=1)" in note["body"]


@pytest.mark.asyncio(loop_scope="module")
async def test_submissions_are_graded_and_a_person_looks(server: Server, flows: Bench) -> None:
    root = server.shop.root
    (root / "course").mkdir()
    (root / "course" / "checks.py").write_text(CHECKS)
    for name, source in SUBMISSIONS.items():
        server.shop.notebook(code(source, "c1"), name=f"course/hand-in/{name}.ipynb")
    given = {"submissions": "course/hand-in", "checks": "course/checks.py"}
    spec = shipped()["grade-notebooks@1.0.0"].spec
    parameters = with_defaults(spec, {**given, "grades": "course/grades.csv", "seconds": 5})
    run = await flows.begin(spec.to_dict(), parameters=parameters)
    await flows.ledger.until(lambda: flows.ledger.status(run, "look") in {"waiting", "failed"})
    assert (root / "course" / "grades.csv.draft").exists()
    assert not (root / "course" / "grades.csv").exists()
    flows.ledger.reply(run, "look", approved=True)
    ended = await flows.end(run)
    assert (ended.status, ended.error) == ("succeeded", None)
    with (root / "course" / "grades.csv").open() as file:
        rows = {row["notebook"]: row for row in csv.DictReader(file)}
    points = {name: (row["points"], row["of"], row["error"]) for name, row in rows.items()}
    assert points == {
        "ann.ipynb": ("2", "2", ""),
        "bob.ipynb": ("1", "2", ""),
        "eve.ipynb": ("0", "2", "It took longer than 5 seconds."),
        "joe.ipynb": ("0", "2", "cell 1: ZeroDivisionError: division by zero"),
    }
    assert rows["bob.ipynb"]["failed"] == "check_negative: -1 is 1"


TEST = """
import unittest


class Sums(unittest.TestCase):
    def test_add(self):
        assert 1 + 1 == 2
"""
CHECKS = """
def check_positive(names):
    assert names["double"](2) == 4


def check_negative(names):
    got = names["double"](-1)
    assert got == -2, f"-1 is {got}"
"""
SUBMISSIONS = {
    "ann": "%matplotlib inline\ndef double(x):\n    return 2 * x",
    "bob": "def double(x):\n    return x * x",
    "eve": "while True:\n    pass",
    "joe": "1 / 0",
}


def repository_in(folder: Path) -> Callable[..., None]:
    """Make a repository and return its git."""
    folder.mkdir()

    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "core.hooksPath=/dev/null"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    return git
