"""The default embedder and its table."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.embedding import static, text

MEASURE = """
import numpy
def memory():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder
before = memory()
StaticEmbedder().embed_queries(["read a table"])
print(memory() - before)
"""


@pytest.fixture(scope="module")
def embedder() -> static.StaticEmbedder:
    return static.StaticEmbedder()


def nearest(embedder: static.StaticEmbedder, query: str, documents: list[str]) -> int:
    return int(np.argmax(embedder.embed_documents(documents) @ embedder.embed_queries([query])[0]))


def test_every_text_has_a_vector_of_length_one(embedder: static.StaticEmbedder) -> None:
    found = embedder.embed_documents(["def read(path): return open(path).read()", "a plot"])
    assert found.shape == (2, embedder.dimensions)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_text_without_a_known_word_is_like_nothing(embedder: static.StaticEmbedder) -> None:
    found = embedder.embed_documents(["", "zzqxv", "\x00\ud800"])
    assert not found.any()
    assert embedder.embed_documents([]).shape == (0, embedder.dimensions)


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("how to remove whitespace at both ends of a string", 0),
        ("draw a scatter chart of the points", 1),
        ("compute the average of the numbers", 2),
        ("fetch a web page", 3),
    ],
)
def test_meaning_is_found_without_the_words(
    embedder: static.StaticEmbedder, query: str, right: int
) -> None:
    documents = [
        "def clean(value):\n    return value.strip()",
        "fig, ax = plt.subplots()\nax.plot(x, y, 'o')",
        "def center(values):\n    return sum(values) / len(values)",
        "def get(url):\n    return requests.get(url, timeout=10).text",
    ]
    assert nearest(embedder, query, documents) == right


def test_the_spelling_of_an_identifier_does_not_matter(embedder: static.StaticEmbedder) -> None:
    camel, snake, other = embedder.embed_documents(["parseDateTime", "parse_date_time", "axis"])
    assert camel @ snake > 0.99
    assert camel @ other < 0.5


def test_a_vector_depends_on_its_own_text_only(embedder: static.StaticEmbedder) -> None:
    texts = [f"def read_{name}(path):\n    return load(path)" for name in ("csv", "json", "image")]
    together = embedder.embed_documents(texts)
    alone = [embedder.embed_documents([each])[0] for each in texts]
    np.testing.assert_array_equal(together, alone)


def test_threads_may_share_it() -> None:
    embedder = static.StaticEmbedder()
    texts = [f"sort list number {at}" for at in range(200)]
    found: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: found.append(embedder.embed_documents(texts)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found:
        np.testing.assert_array_equal(each, found[0])


@given(st.text())
def test_any_text_is_safe(embedder: static.StaticEmbedder, written: str) -> None:
    found = embedder.embed_documents([written])
    assert np.isfinite(found).all()


def test_a_huge_text_costs_no_more_than_its_beginning(embedder: static.StaticEmbedder) -> None:
    huge = " ".join(f"word{at}" for at in range(2_000_000))
    start = time.process_time()
    embedder.embed_documents([huge])
    assert time.process_time() - start < 2


def test_the_table_is_small_and_its_origin_is_told() -> None:
    assert static.TABLE.stat().st_size < 9_000_000
    told = json.loads(static.TABLE.with_suffix(".json").read_text())
    assert told["name"] == static.NAME
    assert told["packages"]
    for package in told["packages"]:
        assert package["licence"], package
        assert len(package["sha256"]) == 64


def test_it_takes_little_memory() -> None:
    runs = [float(subprocess.check_output([sys.executable, "-c", MEASURE])) for _ in range(3)]
    assert min(runs) < 20


def test_a_chunk_is_embedded_with_all_that_is_searched() -> None:
    chunk = Chunk("a.ipynb", "notebook", "python", 1, 1, "plt.show()", "Results", "# We plot")
    assert text.text_of(chunk) == "Results\n# We plot\nplt.show()"
    assert text.text_of(Chunk("a.py", "code", "python", 1, 1, "x = 1")) == "x = 1"
