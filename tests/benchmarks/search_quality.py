"""How well search finds what is asked for, beside its peers: `make bench-search DATA=folder`.

`DATA` has ``cosqa_dev.json`` (questions about functions) and ``repo_search_dev.json`` (questions
about files of repositories, which are fetched from registries). Without it only what is built from
PyPI is measured: docstrings and the files that they stood in, and, when the training of the
embedder wrote them, sentences of notebooks and the cells after them.

Answers come from the public `jupyter_mcp.SearchIndex`, as anybody gets them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks import search_data, search_docs, search_metrics, search_peers  # noqa: E402 - needs the path above
from benchmarks.search_data import CACHE, Documents, FileQuestion  # noqa: E402 - likewise
from benchmarks.search_heldout import held_out  # noqa: E402 - likewise
from benchmarks.search_metrics import K, Quality, Search  # noqa: E402 - likewise
from benchmarks.table import Row, render  # noqa: E402 - likewise
from jupyter_mcp import SearchIndex  # noqa: E402 - likewise

DATA = "BENCH_SEARCH_DATA"
MINILM = "BENCH_SEARCH_MINILM"
DEFAULT_MINILM = Path.home() / ".cache" / "jupyter-mcp-tests" / "minilm"
CELLS = CACHE / "heldout" / "cells.json"
STATES = CACHE / "states"
FEW = 25
"""Questions of each kind when it is only to be seen that it works."""

Repositories = Sequence[tuple[Path, Sequence[FileQuestion]]]


async def measure(folder: Path, smoke: bool) -> list[Row]:
    """Measure what there is data for."""
    return await asyncio.to_thread(_measure, folder, smoke=smoke)


def _measure(folder: Path, *, smoke: bool) -> list[Row]:
    told = os.environ.get(DATA)
    data = Path(told) if told else None
    minilm = Path(os.environ.get(MINILM) or DEFAULT_MINILM)
    model = minilm if (minilm / "tokenizer.json").is_file() else None
    rows: list[Row] = []
    if data:
        rows += _documents(folder, "functions", data / "cosqa_dev.json", (0.47, 0.59), model, smoke)
    if CELLS.is_file():
        rows += _documents(folder, "cells", CELLS, (0.38, 0.43), model, smoke)
    if data:
        questions = search_data.read_file_questions(data / "repo_search_dev.json")
        found, missing = _fetched(questions)
        rows += _files("repositories", found, missing, 0.83, smoke)
    rows += _files("held-out files", list(held_out()), "", None, smoke)
    rows += search_docs.rows(folder, smoke=smoke)
    return rows


def _documents(  # noqa: PLR0917 - rows of one table
    folder: Path,
    name: str,
    path: Path,
    bounds: tuple[float, float],
    model: Path | None,
    smoke: bool,
) -> list[Row]:
    """Return rows of documents: all modes, with and without the transformer, and peers."""
    documents = Documents.read(path)
    if smoke:
        few = documents.queries[:FEW]
        kept = {right for _, right in few} | set(list(documents.texts)[:500])
        texts = {key: text for key, text in documents.texts.items() if key in kept}
        documents = Documents(texts, few)
    rows = []
    with _index_of(folder / name, documents) as index:
        for mode, bound in (("lexical", None), ("hybrid", bounds[0])):
            rows.append(_row(f"{name}, {mode}", _asked(index, mode, documents), bound))
    if model and not smoke:
        state = STATES / f"{name}-{documents.digest}"  # others would stay in it
        with _index_of(folder / f"{name}-t", documents, model, state) as index:
            rows.append(_row(f"{name}, transformer", _asked(index, "hybrid", documents), bounds[1]))
    peer = search_peers.Bm25(documents.texts)
    rows.append(_peer(f"{name}, BM25", search_metrics.of_documents(peer.best, documents)))
    with _as_files(documents) as written:
        found = search_metrics.of_documents(search_peers.Ripgrep(written).best, documents)
        rows.append(_peer(f"{name}, ripgrep", found))
    return rows


def _asked(index: SearchIndex, mode: str, documents: Documents) -> Quality:
    def search(text: str) -> list[str]:
        return [hit.id for hit in index.search(text, K, mode)]  # type: ignore[arg-type]

    return search_metrics.of_documents(search, documents)


@contextmanager
def _index_of(
    folder: Path, documents: Documents, model: Path | None = None, state: Path | None = None
) -> Iterator[SearchIndex]:
    """Make an index of documents; `state` keeps the vectors of a slow model for the next time."""
    folder.mkdir(parents=True)
    embedder = f"onnx:{model}" if model else "static"
    with SearchIndex(folder, state=state or folder / ".state", embedder=embedder) as index:
        index.add_documents([{"id": key, "text": text} for key, text in documents.texts.items()])
        index.update()
        yield index


@contextmanager
def _as_files(documents: Documents) -> Iterator[Path]:
    """Write each document into a file that is named after it."""
    with tempfile.TemporaryDirectory(prefix="bench-documents-") as folder:
        for key, text in documents.texts.items():
            file = Path(folder) / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        yield Path(folder)


def _fetched(questions: dict[str, list[FileQuestion]]) -> tuple[Repositories, str]:
    """Return the repositories that can be had, and in words what is missing."""
    found, missing = [], []
    for name, asked in questions.items():
        try:
            folder = search_data.repository(name)
        except LookupError as error:
            missing.append(f"{error} ({len(asked)} questions)")
            continue
        kept = list(search_data.answerable(folder, asked))
        found.append((folder, kept))
        if len(kept) < len(asked):
            missing.append(
                f"{len(asked) - len(kept)} questions of {name}: files not in the release"
            )
    return found, "; ".join(missing)


def _files(
    name: str,
    repositories: Repositories,
    missing: str,
    bound: float | None,
    smoke: bool,
) -> list[Row]:
    """Return rows of files of repositories, with peers of the same run."""
    if smoke:
        repositories = [(folder, asked[: FEW // 5]) for folder, asked in repositories[:2]]
    semble = search_metrics.of_files(
        (search_peers.Semble(folder).best, asked) for folder, asked in repositories
    )
    ripgrep = search_metrics.of_files(
        (search_peers.Ripgrep(folder).best, asked) for folder, asked in repositories
    )
    ours = {mode: _ours(repositories, mode) for mode in ("lexical", "hybrid")}
    main = _row(f"{name}, hybrid", ours["hybrid"], bound)
    ahead = ours["hybrid"].ndcg - semble.ndcg
    return [
        _row(f"{name}, lexical", ours["lexical"], None),
        replace(main, note=f"{main.note}{'; missing: ' if missing else ''}{missing}"),
        Row(
            f"{name}, ahead of semble",
            ahead,
            bound=None if bound is None else 0.0,
            least=True,
            note=f"one standard error is about {ours['hybrid'].error:.2f}",
        ),
        _peer(f"{name}, semble", semble, " (wordllama's table, not its own model)"),
        _peer(f"{name}, ripgrep", ripgrep),
    ]


def _ours(repositories: Repositories, mode: str) -> Quality:
    with ExitStack() as stack:
        return search_metrics.of_files(
            (_searching(stack, folder, mode), asked) for folder, asked in repositories
        )


def _searching(stack: ExitStack, folder: Path, mode: str) -> Search:
    state = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-index-"))
    index = stack.enter_context(SearchIndex(folder, state=state))
    index.update()
    return lambda text: [hit.path for hit in index.search(text, K, mode)]  # type: ignore[arg-type]


def _row(name: str, quality: Quality, bound: float | None) -> Row:
    return Row(f"{name} NDCG@{K}", quality.ndcg, "", bound, least=True, note=str(quality))


def _peer(name: str, quality: Quality, told: str = "") -> Row:
    return _row(f"{name}{told}", quality, None)


def main() -> int:
    """Print the table; the exit code says whether every bound holds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, help="folder with the questions")
    parser.add_argument(
        "--minilm", type=Path, help="folder of the transformer (scripts/fetch_minilm)"
    )
    parser.add_argument("--smoke", action="store_true", help="few questions, bounds not judged")
    options = parser.parse_args()
    for name, value in ((DATA, options.data), (MINILM, options.minilm)):
        if value:
            os.environ[name] = str(value)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = _measure(Path(folder), smoke=options.smoke)
    sys.stdout.write(render(rows, judged=not options.smoke))
    return 0 if options.smoke or all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
