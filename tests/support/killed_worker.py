"""A process that works on workflows until it is killed: `python killed_worker.py WHERE EFFECTS`.

It begins 50 workflows of 7 nodes, of which it may find any part done already, and says how many are
left. The effects of its tools are rows of a table of their own, one for each key, as behind the
server's door; who writes one waits before and after, so that kills come at every moment.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jupyter_mcp.toolsets.workflows.engine.dbos_engine import DbosEngine, sqlite_engine
from jupyter_mcp.toolsets.workflows.engine.kinds import KINDS
from jupyter_mcp.toolsets.workflows.engine.order import Order
from jupyter_mcp.toolsets.workflows.engine.running import Services
from jupyter_mcp.toolsets.workflows.worker.ledger import orphans, put_back
from support.flows import Ledger, action, done

RUNS = 50
NODES = [
    action("start"),
    action("left", needs=["start"]),
    action("middle", needs=["start"]),
    action("right", needs=["start"]),
    action("join", needs=["left", "middle", "right"]),
    action("then", needs=["join"]),
    action("end", needs=["then"]),
]
SLOW = 0.03
"""How long a tool takes at most before its effect and after it."""


class Effects:
    """Tools whose effects are kept in a file."""

    def __init__(self, file: str) -> None:
        self._rows = sqlite3.connect(file, isolation_level=None)
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute("CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, node TEXT)")
        self._rows.execute("CREATE TABLE IF NOT EXISTS calls (key TEXT)")

    async def call(
        self, run: str, tool: str, arguments: Mapping[str, Any], *, key: str, node: str, **_: Any
    ) -> Mapping[str, Any]:
        """Do something once for each key."""
        del tool, arguments
        self._rows.execute("INSERT INTO calls VALUES (?)", (key,))
        await asyncio.sleep(random.uniform(0, SLOW))
        self._rows.execute("INSERT OR IGNORE INTO effects VALUES (?, ?)", (key, f"{run}/{node}"))
        await asyncio.sleep(random.uniform(0, SLOW))
        return done(ok=True)


async def main(where: str, effects: str) -> None:
    """Work until all workflows have ended."""
    from dbos import DBOS

    ledger = Ledger()
    is_url = "://" in where
    executor = f"w-{uuid.uuid4().hex[:8]}"
    engine = DbosEngine(
        executor,
        Services(Effects(effects), ledger, KINDS),
        engine=None if is_url else sqlite_engine(where),
        url=where if is_url else "",
    )
    await engine.start()
    await asyncio.to_thread(lambda: put_back(orphans({executor})))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    runs = [f"wf-{number}" for number in range(RUNS)]
    for run in runs:
        await engine.begin(Order(run, {"name": "chaos", "nodes": NODES}))
    while True:
        found = await DBOS.list_workflows_async(workflow_ids=runs, load_input=False)
        statuses = [each.output["status"] for each in found if each.status == "SUCCESS"]
        if len(statuses) == RUNS:
            break
        await asyncio.sleep(0.05)
    sys.stdout.write(f"{sorted(set(statuses))}\n")
    await engine.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
