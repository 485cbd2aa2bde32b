from __future__ import annotations

from pathlib import Path

from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options


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
