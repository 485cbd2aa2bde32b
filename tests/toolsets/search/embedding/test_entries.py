"""What a setting can name, and what it is told when there is no such thing."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.embedding import patience
from jupyter_mcp.toolsets.search.embedding.entries import embedder_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with an embedder."""
    (tmp_path / "office_embedder.py").write_text(
        textwrap.dedent("""
        class Embedder:
            dimensions = 3
            def __init__(self, text, options):
                if "broken" in options:
                    raise RuntimeError("no such house")
                self.name = f"office-{text}-{options.get('floor')}"
        """)
    )
    info = tmp_path / "office-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: office\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[jupyter_mcp.embedders]\noffice = office_embedder:Embedder\n"
        "static = office_embedder:Embedder\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "office_embedder", raising=False)


def test_the_own_table_is_named_static() -> None:
    assert embedder_of("static")().name.startswith("static-")


def test_nothing_is_loaded_before_it_is_made(tmp_path: Path) -> None:
    make = embedder_of(f"onnx:{tmp_path}")
    with pytest.raises(ToolError, match=r"no model\*\.onnx"):
        make()
    make = embedder_of("chroma:olama")
    with pytest.raises(ToolError, match="Chroma has no embedding function"):
        make()


def test_chromas_functions_get_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    made = embedder_of("chroma:huggingface_server", {"url": "http://127.0.0.1:1/embed"})()
    with pytest.raises(ToolError, match="chroma:huggingface_server did not embed"):
        _ = made.name


@pytest.mark.usefixtures("plugin")
def test_other_packages_bring_theirs_but_do_not_take_our_names() -> None:
    assert embedder_of("office:berlin", {"floor": 3})().name == "office-berlin-3"
    assert embedder_of("office")().name == "office--None"
    assert embedder_of("static")().name.startswith("static-")
    with pytest.raises(ToolError, match=r"The embedder office .*no such house") as told:
        embedder_of("office", {"broken": True})()
    assert told.value.code == "unavailable"


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("spec", ["", "word2vec", "onnx", "onnx:", "chroma:", "static:2", ":x"])
def test_what_is_not_there_is_told_with_what_is(spec: str) -> None:
    with pytest.raises(ToolError, match="There is no embedder") as told:
        embedder_of(spec)
    assert told.value.code == "invalid_arguments"
    for known in ("static", "onnx:/folder", "chroma:ollama", "office"):
        assert known in told.value.remedy
    assert "\n" not in str(told.value)


def test_options_that_nobody_reads_are_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="The embedder static does not take model"):
        embedder_of("static", {"model": "x"})()
    with pytest.raises(ToolError, match="The embedder onnx does not take model"):
        embedder_of(f"onnx:{tmp_path}", {"model": "x"})()
    with pytest.raises(ToolError, match="threads is a number from 1"):
        embedder_of(f"onnx:{tmp_path}", {"threads": "many"})()
