"""Times of the agent, for the benchmarks of every backend."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable

from jupyter_mcp.toolsets.sandboxes.link.link import Link
from jupyter_mcp.toolsets.sandboxes.places.place import SandboxPlace

MEGABYTES = 10


async def agent_times(link: Link, rounds: int = 100) -> dict[str, float]:
    """Return the median milliseconds of what an agent does most.

    Args:
        link: To the agent; files ``bench-*`` are written into its workspace and deleted.
        rounds: How often each is done; large files a tenth as often.
    """
    place = SandboxPlace(link, "bench")
    small, large = b"x" * 1024, b"x" * MEGABYTES * 1_000_000

    async def both() -> None:
        await place.write("bench-small", small)
        await place.read("bench-small")

    asked: dict[str, tuple[int, Callable[[], Awaitable[object]]]] = {
        "ping": (rounds, link.ping),
        "true": (rounds, lambda: place.run(["true"])),
        "write 1 KB": (rounds, lambda: place.write("bench-small", small)),
        "read 1 KB": (rounds, lambda: place.read("bench-small")),
        "write+read 1 KB": (rounds, both),
        "write 10 MB": (rounds // 10 or 1, lambda: place.write("bench-large", large)),
        "read 10 MB": (rounds // 10 or 1, lambda: place.read("bench-large")),
    }
    times = {name: await _median(count, ask) for name, (count, ask) in asked.items()}
    for name in ("bench-small", "bench-large"):
        await place.delete(name)
    return times


async def _median(count: int, ask: Callable[[], Awaitable[object]]) -> float:
    await ask()
    found = []
    for _ in range(count):
        started = time.perf_counter()
        await ask()
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found)
