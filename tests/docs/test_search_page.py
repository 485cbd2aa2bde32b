"""What the how-to on search shows, done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from jupyter_mcp.ipython.search_words import question_in, wish
from jupyter_mcp.server.extension import JupyterMCP

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "search.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_example_without_a_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "project").mkdir()
    code = "def normalise_counts(counts):\n    return counts / sum(counts)\n"
    (tmp_path / "project" / "norm.py").write_text(code)
    exec(compile(BLOCKS[0], "example", "exec", dont_inherit=True), {"__name__": "example"})
    assert capsys.readouterr().out.startswith("norm.py 1 normalise_counts ")


def test_the_settings_of_the_example_are_settings() -> None:
    config = Config()
    names: dict[str, Any] = {"c": config}
    exec(compile(BLOCKS[1].replace("# c.", "c."), "example", "exec", dont_inherit=True), names)
    told = config["JupyterMCP"]
    assert set(told) <= set(JupyterMCP.class_trait_names(config=True))
    settings = JupyterMCP(config=config).to_settings()
    assert settings.search_embedder == "chroma:ollama"


def test_the_lines_of_the_page_are_understood() -> None:
    lines = re.findall(r"`%mcp (search [^`]*)`", PAGE.read_text())
    assert len(lines) > 6
    for line in lines:
        question = question_in(line)
        assert question is not None
        assert wish(question)[0]["query"]
