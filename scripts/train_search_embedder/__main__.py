"""Makes the table of the search's static embedder: `python scripts/train_search_embedder`.

It downloads the packages of `sources.txt`, takes pairs of a sentence and code out of them, learns
a vector for each word and writes the table, its origin and the page of the documentation. The same
archives give the same table. With ``--held-out`` it only writes the sets to measure with.

The words start from what a MiniLM makes of each, which takes some minutes the first time: its
answers are kept in the cache, like the archives and the pairs.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from cells import Cells, cells_of
from examples import Maker, count_words
from extraction import Found, extract
from held_out import Functions
from sources import Source, sources
from table import page, write_origin, write_table
from teacher import Teacher, start_of
from training import Floats, Recipe, train

from jupyter_mcp.toolsets.search.embedding.static import NAME, TABLE

CACHE = Path.home() / ".cache" / "jupyter-mcp-search"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "search-training-data.md"
WORDS = 32_000
"""Rows of the table, which with 256 dimensions take 8.2 MB."""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="train_search_embedder", description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="keeps archives and vectors")
    parser.add_argument("--held-out", action="store_true", help="only write the sets to measure")
    parser.add_argument("--output", type=Path, default=TABLE, help="the table")
    told = parser.parse_args()
    all_sources = sources(told.cache)
    found = [
        (source, extract(path, told.cache))
        for source, path in all_sources
        if source.use in {"train", "functions"}
    ]
    _write_held_out(found, all_sources, told.cache / "heldout")
    if not told.held_out:
        model, tokenizer = [path for source, path in all_sources if source.use == "teacher"]
        counts = _write_table(found, Teacher(model, tokenizer, told.cache), told.output)
        _write_origin(counts, [source for source, _ in all_sources], told.output)


def _write_held_out(
    found: list[tuple[Source, Found]], all_sources: list[tuple[Source, Path]], folder: Path
) -> None:
    functions = Functions()
    for source, (pairs, _) in found:
        if source.use == "functions":
            functions.add(source.name, pairs)
    functions.write(folder / "functions.json")
    trained_on = [cell.code for _, (_, cells) in found for cell in cells]
    for use in ("cells", "choosing"):
        held_out = Cells(trained_on)
        for source, path in all_sources:
            if source.use == use:
                held_out.add(source.name, cells_of(path))
        held_out.write(folder / f"{use}.json")


def _write_table(found: list[tuple[Source, Found]], teacher: Teacher, output: Path) -> Counter[str]:
    recipe = Recipe()
    used = {source.name: pairs for source, (pairs, _) in found if source.use == "train"}
    words, shares = count_words(used, WORDS)
    print(f"{len(words):,} words", flush=True)
    start = start_of(teacher.embed(words), shares, recipe.dimensions)
    maker = Maker(words)
    examples = maker.examples(used)
    print(f"{len(examples):,} pairs", flush=True)
    write_table(output, words, train(examples, start, recipe, _tell))
    return maker.counts


def _write_origin(counts: Counter[str], all_sources: list[Source], output: Path) -> None:
    origin = output.with_suffix(".json")
    write_origin(origin, NAME, all_sources, counts)
    if output == TABLE:
        PAGE.write_text(page(origin, all_sources))


def _tell(epoch: int, loss: float, _: Floats) -> None:
    print(f"epoch {epoch}: loss {loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
