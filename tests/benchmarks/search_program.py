"""What of search is measured in a process of its own: `python search_program.py NAME ARGUMENT ...`.

So imports, memory and caches of one measure are not those of the next. What comes out is JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

PROCESSORS = 2
PATIENCE = 1800.0
Told = dict[str, Any]


def run(name: str, *arguments: object) -> Told:
    """Run a program on two processors and return what it told, with the seconds of all of it."""
    command = [sys.executable, __file__, name, *map(str, arguments)]
    began = time.perf_counter()
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    seconds = time.perf_counter() - began
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    told: Told = json.loads(ran.stdout.splitlines()[-1])
    return {"whole": seconds, **told}


def cold(folder: str, state: str, kind: str) -> Told:
    """Index a folder that was never indexed, words only or with their vectors in Chroma."""
    from jupyter_mcp.toolsets.search.index.index import Index

    with _Clock() as clock, Index(Path(folder), Path(state)) as index:
        report = index.update(embed=kind == "all")
        searchable = report.seconds
        if kind == "all":
            index.embed()
        status = index.status()
    return {
        **clock.told,
        "searchable": searchable,
        "chunks": status.chunks,
        "bytes": status.bytes,
        "left": status.unembedded if kind == "all" else 0,
        "disk": sum(file.stat().st_size for file in Path(state).rglob("*") if file.is_file()),
    }


def load() -> Told:
    """Load the static vectors and make the first of a question; numpy is there already."""
    import numpy  # noqa: F401, ICN001

    from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder

    before = _memory()
    with _Clock() as clock:
        StaticEmbedder().embed_queries(["read a table"])
    return {**clock.told, "memory": _memory() - before}


def start(folder: str, state: str) -> Told:
    """Look through a folder of which nothing changed since it was indexed."""
    from jupyter_mcp.toolsets.search.index.index import Index

    with _Clock() as clock:
        index = Index(Path(folder), Path(state))
        report = index.update()
    index.close()
    assert (report.added, report.changed, report.removed) == (0, 0, 0)
    return clock.told


def first(folder: str, state: str, question: str) -> Told:
    """Answer a first question about a folder that was never indexed."""
    from jupyter_mcp import SearchIndex

    with SearchIndex(folder, state=state) as index:
        hits = index.search(question)
        sys.stdout.write(json.dumps({"hits": len(hits)}) + "\n")
        sys.stdout.flush()
        os._exit(0)  # what a user waits for is the answer


def change(folder: str, state: str, rounds: str) -> Told:
    """Change files while the folder is watched; ask for what was written as soon as it is told."""
    from benchmarks.search_material import some_files
    from jupyter_mcp.toolsets.search.index.index import Index
    from jupyter_mcp.toolsets.search.index.watching import Watcher
    from jupyter_mcp.toolsets.search.query import Query

    class Watched(Index):
        """An index that notes when it is told of a change."""

        heard = 0.0

        def concerns(self, path: str) -> bool:
            self.heard = self.heard or time.perf_counter()
            return super().concerns(path)

    told: Told = {"event": [], "write": []}
    changed = threading.Event()
    with Watched(Path(folder), Path(state)) as index:
        index.update()
        index.warm()
        watcher = Watcher(index, lambda _: changed.set())
        for number, file in enumerate(some_files(Path(folder), int(rounds))):
            changed.clear()
            index.heard = 0.0
            word = f"zebrafinch{number}"
            with file.open("a") as opened:
                opened.write(f"\n\ndef {word}():\n    return {number}\n")
            wrote = time.perf_counter()
            assert changed.wait(30)
            hits = index.search(Query(word, limit=3))
            now = time.perf_counter()
            assert hits, file
            assert file.match(hits[0].path), hits
            told["event"].append(now - index.heard)
            told["write"].append(now - wrote)
        watcher.close()
    return told


def ask(folder: str, state: str, questions: str) -> Told:
    """Ask an index that is whole."""
    from jupyter_mcp.toolsets.search.index.index import Index
    from jupyter_mcp.toolsets.search.query import Query

    asked = json.loads(Path(questions).read_text(encoding="utf-8"))
    with Index(Path(folder), Path(state)) as index:
        index.warm()
        told: Told = {"chunks": index.status().chunks}
        for mode in ("lexical", "hybrid"):
            told[mode], told[f"{mode} cpu"] = _asked(
                asked,
                lambda text: len(index.search(Query(text, mode=mode))),  # noqa: B023
            )
    told["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told


def recall(state: str, questions: str) -> Told:
    """Compare the nearest ten that Chroma finds with the ten that are the nearest."""
    import numpy as np

    from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder
    from jupyter_mcp.toolsets.search.index.layout import Layout
    from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
    from jupyter_mcp.toolsets.search.vectors.chroma import ChromaVectors

    layout, embedder = Layout(Path(state)), StaticEmbedder()
    asked = embedder.embed_queries(json.loads(Path(questions).read_text(encoding="utf-8")))
    asked = asked[asked.any(axis=1)]
    with LexicalStore(layout.database, read_only=True) as words:
        digests = sorted(words.digests())
    vectors = ChromaVectors(layout.vectors, embedder.name, embedder.dimensions)
    near: list[dict[str, float]] = [{} for _ in asked]
    for at in range(0, len(digests), 5000):
        rows = _vectors(vectors, digests[at : at + 5000])
        matrix = np.stack(list(rows.values()))
        names = list(rows)
        for question, best in zip(asked, near, strict=True):
            scores = matrix @ question
            chosen = np.argpartition(-scores, min(10, len(scores) - 1))[:10]
            best.update((names[one], float(scores[one])) for one in chosen)
    shares = []
    for question, best in zip(asked, near, strict=True):
        exact = sorted(best.values(), reverse=True)[:10]
        found = [score for _, score in vectors.search(question, 100)[:10]]
        # By score and not by name: copies of the same words are as good as each other.
        shares.append(sum(score >= exact[-1] - 1e-5 for score in found) / len(exact))
    vectors.close()
    return {"recall": float(np.mean(shares)), "vectors": len(digests)}


def semble(folder: str, cache: str, questions: str) -> Told:
    """What semble does of the same: it indexes, starts, takes a changed file, and answers."""
    import logging

    from benchmarks.search_material import some_files
    from benchmarks.search_peers import semble_model

    model = str(semble_model())
    os.environ["SEMBLE_CACHE_LOCATION"] = cache
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    from semble import SembleIndex
    from semble.cache import save_index_to_cache

    with _Clock() as clock:
        index = SembleIndex.from_path(folder, model_path=model)
    told: Told = {**clock.told, "chunks": index.stats.total_chunks}
    save_index_to_cache(index, folder)
    with _Clock() as clock:
        SembleIndex.from_path(folder, model_path=model)
    told["same"] = clock.told["seconds"]
    told["disk"] = sum(file.stat().st_size for file in Path(cache).rglob("*") if file.is_file())
    asked = json.loads(Path(questions).read_text(encoding="utf-8"))
    told["queries"], told["queries cpu"] = _asked(asked, lambda text: len(index.search(text)))
    changed = some_files(Path(folder), 1)[0]
    with changed.open("a") as opened:
        opened.write("\n\ndef peregrine():\n    return 1\n")
    with _Clock() as clock:
        index = SembleIndex.from_path(folder, model_path=model)
    told["changed"] = clock.told["seconds"]
    found = index.search("peregrine")
    told["finds"] = any(changed.match(each.chunk.file_path) for each in found)
    return told


def _vectors(vectors: Any, digests: list[str]) -> dict[str, Any]:
    """Return vectors as they lie in Chroma."""
    found = vectors._read(lambda one: one.get(ids=digests, include=["embeddings"]))
    return dict(zip(found["ids"], found["embeddings"], strict=True))


def _asked(questions: list[str], answer: Callable[[str], int]) -> tuple[list[float], float]:
    """Return the seconds of each answer in ascending order, and the CPU seconds of one."""
    for text in questions[:10]:
        answer(text)
    seconds = []
    spent = time.process_time()
    for text in questions:
        began = time.perf_counter()
        answer(text)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds), (time.process_time() - spent) / len(questions)


class _Clock:
    """Seconds of the clock and of all processors, also those of ended child processes."""

    def __enter__(self) -> Self:
        self._began, self._spent = time.perf_counter(), _spent()
        return self

    def __exit__(self, *_: object) -> None:
        self.told = {
            "seconds": time.perf_counter() - self._began,
            "cpu": _spent() - self._spent,
        }


def _memory() -> float:
    """Return the resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def _spent() -> float:
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


PROGRAMS = {
    program.__name__: program for program in (cold, load, start, first, change, ask, recall, semble)
}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    sys.stdout.write(json.dumps(PROGRAMS[sys.argv[1]](*sys.argv[2:])) + "\n")
