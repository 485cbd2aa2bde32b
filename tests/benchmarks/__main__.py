"""Run all measures and print them as one table: `python tests/benchmarks [--smoke] [NAME ...]`.

Each measure is a ratio or a count against a floor or a peer of the same run, because seconds on a
shared machine mean little. `--smoke` runs everything once with small counts, to see that it works;
its figures are no measurement and its bounds are not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks import (  # noqa: E402 - needs the path above
    kernels,
    pages,
    sandboxes,
    search,
    start_up,
    tasks,
    trust,
    wire,
    workflow_server,
    workflows,
)
from benchmarks.table import Row, render  # noqa: E402

Measure = Callable[[Path, bool], Awaitable[list[Row]]]

MEASURES: dict[str, Measure] = {
    "start-up": start_up.measure,
    "wire": wire.measure,
    "tasks": tasks.measure,
    "pages": pages.measure,
    "kernels": kernels.measure,
    "trust": trust.measure,
    "sandboxes": sandboxes.measure,
    "search": search.measure,
    "workflows": workflows.measure,
    "workflow-server": workflow_server.measure,
}


async def run(names: list[str], *, smoke: bool) -> list[Row]:
    """Run the named measures one after the other."""
    rows: list[Row] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows += await MEASURES[name](Path(folder), smoke)
    return rows


def main() -> int:
    """Print the table; the exit code says whether every bound holds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--smoke", action="store_true", help="small counts, bounds not judged")
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], help="measures to run")
    options = parser.parse_args()
    rows = asyncio.run(run(options.names or list(MEASURES), smoke=options.smoke))
    sys.stdout.write(render(rows, judged=not options.smoke))
    return 0 if options.smoke or all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
