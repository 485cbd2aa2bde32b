"""Few pieces that are wanted, far from the question, among many that are near it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_mcp import SearchIndex
from jupyter_mcp.toolsets.search.index import nearest
from support.notebooks import code, write_notebook

QUESTION = "read the json file and parse the data"
WORDS = [
    "table",
    "read",
    "write",
    "parse",
    "json",
    "file",
    "open",
    "close",
    "path",
    "loader",
    "data",
]
SOUP = "heat the soup in the kitchen and add salt"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    home = tmp_path_factory.mktemp("nearest")
    chosen = random.Random(1)
    near = [
        {"id": str(each), "text": " ".join(chosen.choices(WORDS, k=20)), "path": f"src/{each}.py"}
        for each in range(nearest.FILTERED + 200)
    ]
    far = [
        {"id": f"soup {each}", "text": f"{SOUP} {each}", "path": f"kitchen/{each}.md"}
        for each in range(5)
    ]
    (home / "project").mkdir()
    write_notebook(home / "project/menu.ipynb", code(SOUP, "soup"))
    with SearchIndex(home / "project", state=home / "state", processes=1) as opened:
        opened.update()
        opened.add_documents([*near, *far])
        yield opened


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"path": "kitchen"}, {f"soup {each}" for each in range(5)}),
        ({"path": "*.md"}, {f"soup {each}" for each in range(5)}),
        ({"language": "markdown"}, {f"soup {each}" for each in range(5)}),
        ({"language": "ipynb"}, {"menu.ipynb#soup"}),
    ],
)
def test_what_is_wanted_is_found_however_much_is_nearer(
    index: SearchIndex, mode: Any, options: Any, expected: set[str]
) -> None:
    assert {hit.id for hit in index.search(QUESTION, mode=mode, **options)} == expected


def test_where_much_is_wanted_more_of_the_nearest_are_looked_at(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "FEW", 3)
    assert len(index.search(QUESTION, mode="dense", path="kitchen")) == 5
    monkeypatch.setattr(nearest, "DEEPEST", 10)
    assert not index.search(QUESTION, mode="dense", path="kitchen")
