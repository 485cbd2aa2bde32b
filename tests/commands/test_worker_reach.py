from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from jupyter_mcp.commands.worker_reach import ServerDoor
from support.server import JupyterServer

ALONE = """
import asyncio, sys
from jupyter_mcp.commands.worker_reach import ServerDoor

async def main():
    door = ServerDoor(sys.argv[1], sys.argv[2])
    result = await door.call("probe_add", {"a": 1, "b": 2}, {}, None)
    await door.close()
    print(result["structuredContent"]["result"], "jsonschema" in sys.modules)

asyncio.run(main())
"""


def test_a_worker_holds_no_result_against_a_schema(probed: JupyterServer, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ALONE, probed.url, probed.token]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["3", "False"], "that costs each worker 21 MiB"


async def test_what_goes_into_headers_is_read_when_the_server_misses_it(
    probed: JupyterServer,
) -> None:
    door = ServerDoor(probed.url, probed.token)
    try:
        regions = ("eu-west", "us-east")
        calls = [door.call("probe_region", {"region": region}, {}, None) for region in regions]
        results = await asyncio.gather(*calls)
        assert [each["structuredContent"]["result"] for each in results] == list(regions)
    finally:
        await door.close()
