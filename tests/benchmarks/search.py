"""How quick search is: to index, to notice a change, to answer, and what it costs a server.

How good its answers are is `make bench-search DATA=folder`. semble and ripgrep do the same things
beside it in the same run, as far as they do them at all; both search files and watch nothing.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks import search_server
from benchmarks.search_material import MB, large, library, questions, size_of, small
from benchmarks.search_peers import Ripgrep
from benchmarks.search_program import PROCESSORS, Told, run
from benchmarks.table import Row

T = TypeVar("T")

LARGE = 64 * MB
"""So much text is 100,000 pieces."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the measures work with.

    Args:
        home: A folder for copies and indexes.
        smoke: Whether only to see that it works.
    """

    home: Path
    smoke: bool

    def times(self, count: int) -> int:
        """Return how often something is done."""
        return 2 if self.smoke else count


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Measure each thing in processes of its own, the peers beside it."""
    bench = Bench(home, smoke)
    rows = await asyncio.to_thread(_library, bench)
    rows += await asyncio.to_thread(_large, bench)
    rows.append(await asyncio.to_thread(_first, bench))
    return rows + await search_server.measure(home / "server", smoke)


def _library(bench: Bench) -> list[Row]:
    """Measure on Python's standard library."""
    folder = library(bench.home / "library", smoke=bench.smoke)
    words, state = bench.home / "words", bench.home / "state"
    asked = _written(bench.home / "asked.json", questions(folder, bench.times(50)))
    by_words = run("cold", folder, words, "words")
    whole = run("cold", folder, state, "all")
    starts = [run("start", folder, state)["seconds"] for _ in range(bench.times(5))]
    peer = _semble(folder, bench.home / "semble", asked)
    changes = run("change", folder, state, bench.times(20))
    return [
        *_cold(whole, by_words, peer),
        *_sizes(whole, by_words, peer),
        _load(bench),
        _start(starts, whole, peer),
        *_changes(changes, whole, peer, folder),
    ]


def _cold(whole: Told, by_words: Told, peer: Told | None) -> list[Row]:
    size = whole["bytes"] / MB
    found = (
        f"{size:.1f} MB, {whole['chunks']:,} pieces, {whole['seconds']:.1f} s; "
        f"{whole['cpu']:.1f} s of CPU, which is {size * PROCESSORS / whole['cpu']:.1f} MB/s "
        f"of {PROCESSORS} processors that do nothing else"
    )
    theirs = "not here"
    if peer is not None:
        theirs = f"{size / peer['seconds']:.1f} MB/s, {peer['cpu']:.1f} s of CPU"
    searchable = f"{whole['searchable']:.1f} s; until then vectors are searched in memory"
    only = f"{by_words['seconds']:.1f} s, {by_words['cpu']:.1f} s of CPU"
    return [
        Row("cold index, vectors on disk", size / whole["seconds"], "MB/s", 3, True, found),
        Row(
            "cold index, found by meaning",
            size / whole["searchable"],
            "MB/s",
            note=f"{searchable}; semble {theirs}",
        ),
        Row("cold index, words only", size / by_words["seconds"], "MB/s", note=only),
    ]


def _sizes(whole: Told, by_words: Told, peer: Told | None) -> list[Row]:
    note = "not here" if peer is None else f"{peer['disk'] / whole['bytes']:.2f}"
    return [
        Row("index / text, words only", by_words["disk"] / whole["bytes"], "", 1.6),
        Row(
            "index / text, with vectors",
            whole["disk"] / whole["bytes"],
            "",
            3.5,
            note=f"semble {note}",
        ),
    ]


def _load(bench: Bench) -> Row:
    loads = [run("load") for _ in range(bench.times(5))]
    note = f"{statistics.median(told['memory'] for told in loads):.0f} MiB"
    value = statistics.median(told["cpu"] for told in loads) * 1000
    return Row("load the static vectors, CPU", value, "ms", 60, note=note)


def _start(starts: Sequence[float], whole: Told, peer: Told | None) -> Row:
    note = f"{len(starts)} processes, without imports, {whole['bytes'] / MB:.0f} MB"
    if peer is not None:
        note += f"; semble {peer['same'] * 1000:.0f} ms"
    return Row("start when nothing changed", min(starts) * 1000, "ms", 50, note=note)


def _changes(changes: Told, whole: Told, peer: Told | None, folder: Path) -> list[Row]:
    event, write = (sorted(changes[name]) for name in ("event", "write"))
    took, _ = _timed(lambda: Ripgrep(folder).best("zebrafinch0"))
    theirs = "not here" if peer is None else f"{peer['changed'] * 1000:.0f} ms"
    if peer is not None and not peer["finds"]:
        theirs += " (and does not find it)"
    note = (
        f"p50 of {len(event)} files of {whole['bytes'] / MB:.0f} MB, most {event[-1] * 1000:.0f} ms"
    )
    peers = f"semble's new index {theirs}, ripgrep {took * 1000:.0f} ms"
    return [
        Row("changed file, event to hit", statistics.median(event) * 1000, "ms", 50, note=note),
        Row("changed file, write to hit", statistics.median(write) * 1000, "ms", note=peers),
    ]


def _large(bench: Bench) -> list[Row]:
    """Measure questions at 100,000 pieces."""
    folder = large(bench.home / "large", LARGE, smoke=bench.smoke)
    state = bench.home / "large-state"
    asked = _written(bench.home / "many.json", questions(folder, bench.times(200)))
    run("cold", folder, state, "all")
    ours = run("ask", folder, state, asked)
    found = run("recall", state, asked)
    peer = _semble(folder, bench.home / "large-semble", asked)
    texts = json.loads(asked.read_text(encoding="utf-8"))[: bench.times(20)]
    took = sorted(_timed(lambda: Ripgrep(folder).best(text))[0] for text in texts)  # noqa: B023
    peers = f"semble {'not here' if peer is None else _p(peer['queries'])}, ripgrep {_p(took)}"
    size = f"{ours['chunks']:,} pieces of {size_of(folder) / MB:.0f} MB"
    cpu = f"{ours['hybrid cpu'] * 1000:.1f} ms of CPU, {ours['memory']:.0f} MiB in all"
    lexical = _p(ours["lexical"])
    return [
        Row("question, p95", _at(ours["hybrid"], 0.95), "ms", 15, note=f"{size}; {cpu}"),
        Row("question, p50", _at(ours["hybrid"], 0.5), "ms", note=peers),
        Row("question by words, p95", _at(ours["lexical"], 0.95), "ms", note=lexical),
        Row(
            "Chroma's nearest 10 / the nearest 10",
            found["recall"],
            "",
            0.97,
            least=True,
            note=f"{found['vectors']:,} vectors",
        ),
    ]


def _first(bench: Bench) -> Row:
    """Measure a first question about a project that was never indexed, imports and all."""
    folder = small(bench.home / "small")
    seconds = []
    for number in range(bench.times(5)):
        told = run("first", folder, bench.home / f"first-{number}", "cancel a running task")
        assert told["hits"], told
        seconds.append(told["whole"])
        shutil.rmtree(bench.home / f"first-{number}")
    note = f"{len(seconds)} new processes, {size_of(folder) / MB:.1f} MB, most {max(seconds):.2f} s"
    value = statistics.median(seconds)
    return Row("first answer of a new project", value, "s", 1, note=note)


def _semble(folder: Path, cache: Path, asked: Path) -> Told | None:
    """Return what semble did, in a copy that it may change; None where it cannot be had."""
    copy = folder.with_name(f"{folder.name}-semble")
    shutil.copytree(folder, copy)
    try:
        return run("semble", copy, cache, asked)
    except RuntimeError as error:
        if "LookupError" in str(error) or "ModuleNotFoundError" in str(error):
            return None
        raise
    finally:
        shutil.rmtree(copy)


def _written(file: Path, asked: Sequence[str]) -> Path:
    file.write_text(json.dumps(asked), encoding="utf-8")
    return file


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done


def _at(seconds: Sequence[float], share: float) -> float:
    return seconds[min(len(seconds) - 1, int(len(seconds) * share))] * 1000


def _p(seconds: Sequence[float]) -> str:
    return f"p50 {_at(seconds, 0.5):.1f}, p95 {_at(seconds, 0.95):.1f} ms"
