from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options
from jupyter_mcp.toolsets.search.query import Query

WORDS = ["read", "write", "parse", "file", "open", "close", "count", "table", "column", "row"]


def test_what_is_like_a_text_in_an_unknown_language_is_found_by_its_words(tmp_path: Path) -> None:
    texts = {
        "soup.md": "# წვნიანი\n\nმოხარშე წვნიანი პომიდორი მარილი.\n",
        "beet.md": "# ბორში\n\nმოხარშე ბორში პომიდორი მარილი.\n",
        "table.md": "# ცხრილი\n\nწაიკითხე ფაილი.\n",
    }
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    with Index(folder, tmp_path / "state", Options(processes=1)) as index:
        index.update()
        assert [hit.path for hit in index.similar("soup.md", 1)] == ["beet.md"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index of much that is alike, with meaning."""
    home = tmp_path_factory.mktemp("large")
    chosen = random.Random(1)
    documents = [
        {
            "id": str(each),
            "text": " ".join(chosen.choices(WORDS, k=chosen.randint(5, 40))),
            "path": f"{each % 2}/{each % 50}.py",
        }
        for each in range(800)
    ]
    (home / "project").mkdir()
    with Index(home / "project", home / "state", Options(processes=1)) as index:
        index.add_documents(documents)
        index.warm()
        yield index


@pytest.mark.parametrize("path", ["", "1"])
@pytest.mark.parametrize("mode", ["hybrid", "lexical", "dense"])
def test_pages_are_parts_of_one_list(large: Index, mode: Any, path: str) -> None:
    def found(limit: int) -> list[str]:
        hits = large.search(Query("read the rows of a table", limit, mode, path))
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        return [hit.id for hit in hits]

    whole = found(501)
    assert len(set(whole)) == len(whole) > 350
    for limit in (11, 60, 101, 111, 211, 350):
        assert found(limit) == whole[:limit]
