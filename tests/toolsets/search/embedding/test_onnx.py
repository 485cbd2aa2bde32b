"""The optional transformer tier, with the real MiniLM (`scripts/fetch_minilm`)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.embedding.onnx import OnnxEmbedder

FETCH = Path(__file__).parents[4] / "scripts" / "fetch_minilm"


@pytest.fixture(scope="session")
def minilm() -> Path:
    """A folder with MiniLM."""
    folder = Path.home() / ".cache" / "jupyter-mcp-tests" / "minilm"
    done = subprocess.run([FETCH, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        missing = f"MiniLM cannot be fetched (scripts/fetch_minilm): {done.stderr[-300:]}"
        assert os.environ.get("CI") != "true", missing
        pytest.skip(missing)
    return folder


@pytest.fixture(scope="module")
def embedder(minilm: Path) -> OnnxEmbedder:
    """MiniLM."""
    return OnnxEmbedder(minilm)


def test_meaning_is_near_without_a_common_word(embedder: OnnxEmbedder) -> None:
    texts = [
        "def mean(values): return sum(values) / len(values)",
        "def connect(host, port): return socket.create_connection((host, port))",
        "def parse(text): return json.loads(text)",
    ]
    documents = embedder.embed_documents(texts)
    questions = embedder.embed_queries(["average of numbers", "open a tcp link to a server"])
    assert (questions @ documents.T).argmax(axis=1).tolist() == [0, 1]


def test_a_row_of_length_1_for_each_text_in_its_order(embedder: OnnxEmbedder) -> None:
    texts = [
        "a short one",
        "x = 1\n" * 900,
        "",
        "größe 大小 🙂",
        *[f"text {n}" * n for n in range(40)],
    ]
    rows = embedder.embed_documents(texts)
    assert rows.shape == (len(texts), 384)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-4)
    alone = np.concatenate([embedder.embed_documents([text]) for text in texts[:6]])
    # In eight bits a batch changes the numbers a little, because scales are of the whole batch.
    assert (alone * rows[:6]).sum(axis=1).min() > 0.95
    assert embedder.embed_documents([]).shape == (0, 384)
    assert embedder.dimensions == 384


def test_it_is_known_by_what_is_in_its_files(
    embedder: OnnxEmbedder, minilm: Path, tmp_path: Path
) -> None:
    (tmp_path / "onnx").mkdir()
    shutil.copy(minilm / "model.onnx", tmp_path / "onnx" / "model_quantized.onnx")
    shutil.copy(minilm / "tokenizer.json", tmp_path)
    moved = OnnxEmbedder(tmp_path)
    assert moved.name == embedder.name
    assert moved.name.startswith("onnx-")
    text = ["def mean(values): ..."]
    assert np.allclose(moved.embed_documents(text), embedder.embed_documents(text), atol=1e-5)
    with (tmp_path / "tokenizer.json").open("a") as file:
        file.write("\n")
    assert OnnxEmbedder(tmp_path).name != embedder.name


def test_missing_files_are_named(minilm: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"There is no model\*\.onnx in ") as told:
        OnnxEmbedder(tmp_path)
    assert told.value.code == "not_found"
    shutil.copy(minilm / "model.onnx", tmp_path)
    with pytest.raises(ToolError, match=r"There is no tokenizer\.json beside ") as told:
        OnnxEmbedder(tmp_path)
    assert told.value.code == "not_found"


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json"])
def test_broken_files_are_one_line(minilm: Path, tmp_path: Path, broken: str) -> None:
    shutil.copytree(minilm, tmp_path, dirs_exist_ok=True)
    (tmp_path / broken).write_bytes(b"{ not what it should be")
    with pytest.raises(ToolError, match="cannot be used") as told:
        OnnxEmbedder(tmp_path).embed_documents(["one"])
    assert told.value.code == "unavailable"
    assert "\n" not in str(told.value)
