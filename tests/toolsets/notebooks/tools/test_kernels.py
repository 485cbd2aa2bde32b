"""The life of kernels, as a client meets it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls.events import ResourceUpdated
from support.kernels import until, write_kernelspec
from support.notebooks import code
from support.workshops import Client, Workshop, notebooks, workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_from_start_to_stop(shop: Workshop) -> None:
    started = await shop.do("kernel_start")
    kernel_id = started["kernel_id"]
    assert (started["name"], started["new"]) == ("python3", True)
    listed = await shop.do("kernel_list")
    assert "python3" in listed["available"]
    (kernel,) = [each for each in listed["kernels"] if each["kernel_id"] == kernel_id]
    assert (kernel["state"], kernel["busy_with"], kernel["paths"]) == ("idle", "", [])
    assert await shop.do("kernel_stop", kernel_id=kernel_id) == {
        "kernel_id": kernel_id,
        "state": "stopped",
    }
    listed = await shop.do("kernel_list")
    assert kernel_id not in [each["kernel_id"] for each in listed["kernels"]]
    for tool in ("kernel_interrupt", "kernel_restart", "kernel_stop"):
        assert (await shop.refused(tool, kernel_id=kernel_id)).code == "not_found"


async def test_a_notebook_keeps_the_kernel_it_has(shop: Workshop) -> None:
    shop.notebook(code("1", "a"))
    first = await shop.do("kernel_start", path="nb.ipynb")
    again = await shop.do("kernel_start", path="nb.ipynb", name="python3")
    assert (again["kernel_id"], again["new"]) == (first["kernel_id"], False)
    listed = await shop.do("kernel_list")
    (kernel,) = [each for each in listed["kernels"] if each["kernel_id"] == first["kernel_id"]]
    assert kernel["paths"] == ["nb.ipynb"]
    assert (await shop.refused("kernel_start", path="nb.ipynb", name="ir")).code == "conflict"
    await shop.do("kernel_stop", kernel_id=first["kernel_id"])
    assert await shop.app.session_manager.list_sessions() == []


async def test_a_colon_in_a_name_is_no_drive(shop: Workshop) -> None:
    shop.notebook(code("1", "a"), name="Week1:intro.ipynb")
    shop.notebook(code("1", "a"), name="intro.ipynb")
    week = (await shop.do("kernel_start", path="Week1:intro.ipynb"))["kernel_id"]
    intro = await shop.do("kernel_start", path="intro.ipynb")
    assert intro["new"]
    listed = {
        each["kernel_id"]: each["paths"] for each in (await shop.do("kernel_list"))["kernels"]
    }
    assert listed[week] == ["Week1:intro.ipynb"]
    for kernel_id in (week, intro["kernel_id"]):
        await shop.do("kernel_stop", kernel_id=kernel_id)


@pytest.mark.parametrize("folder", ["data", "RTC:data/", "/data", "../../data"])
async def test_a_new_kernel_works_in_the_folder_that_is_asked_for(
    shop: Workshop, folder: str
) -> None:
    for name in ("data", "kept"):
        (shop.root / name).mkdir(exist_ok=True)
    look = "import os\nprint(os.getcwd())\nprint(os.environ['JPY_SESSION_NAME'])"
    shop.notebook(code(look, "a"), name="kept/n.ipynb")
    ran = await shop.do("cell_run", path="kept/n.ipynb", folder=folder)
    seen = ran["cells"][0]["text"].split()
    assert seen == [str(shop.root / "data"), str(shop.root / "kept" / "n.ipynb")]
    again = await shop.do("cell_run", path="kept/n.ipynb", folder="")
    assert again["kernel_id"] == ran["kernel_id"], "a kernel that runs stays where it is"
    await shop.do("kernel_stop", kernel_id=ran["kernel_id"])
    beside = await shop.do("cell_run", path="kept/n.ipynb", stop_kernel=True)
    assert beside["cells"][0]["text"].split()[0] == str(shop.root / "kept")


async def test_no_kernel_is_bound_to_a_notebook_that_is_missing(shop: Workshop) -> None:
    error = await shop.refused("kernel_start", path="missing.ipynb", name="python3")
    assert error.code == "not_found"


async def test_an_unknown_name_tells_the_known_ones(shop: Workshop) -> None:
    error = await shop.refused("kernel_start", name="fortran")
    assert error.code == "not_found"
    assert "python3" in error.remedy


async def test_who_keeps_it_busy(shop: Workshop) -> None:
    kernel_id = (await shop.do("kernel_start"))["kernel_id"]
    client = Client()
    running = asyncio.create_task(
        shop.ask(
            "kernel_execute",
            client,
            kernel_id=kernel_id,
            code="import time\nprint(1, flush=True)\ntime.sleep(25)",
        )
    )
    await until(lambda: "1" in client.text)
    kernel = await _kernel(shop, kernel_id)
    assert (kernel["state"], kernel["busy_with"]) == ("busy", "us")
    after = await shop.do("kernel_interrupt", kernel_id=kernel_id)
    assert after["state"] == "idle"
    assert ((await running).structured or {})["error"]["ename"] == "KeyboardInterrupt"
    await shop.do("kernel_stop", kernel_id=kernel_id)


async def test_a_persons_code_is_seen_and_can_be_interrupted_on_purpose(shop: Workshop) -> None:
    kernel_id = (await shop.do("kernel_start"))["kernel_id"]
    person = shop.app.kernel_manager.get_kernel(kernel_id).client()
    person.start_channels()
    person.execute("import asyncio; await asyncio.sleep(25)")
    engine = notebooks(shop).engine
    await until(lambda: engine.state(kernel_id).others)
    kernel = await _kernel(shop, kernel_id)
    assert (kernel["state"], kernel["busy_with"]) == ("busy", "others")
    client = Client()
    code = "import time; time.sleep(1)"  # time enough to be hit by what is not meant for it
    ours = asyncio.create_task(shop.ask("kernel_execute", client, kernel_id=kernel_id, code=code))
    await until(lambda: "busy with code of another client" in client.text)
    assert (await shop.refused("variables_list", kernel_id=kernel_id, timeout=0.2)).code == "busy"
    await shop.do("kernel_interrupt", kernel_id=kernel_id)
    assert ((await asyncio.wait_for(ours, 30)).structured or {})["status"] == "ok"
    person.stop_channels()
    await shop.do("kernel_stop", kernel_id=kernel_id)


async def test_a_restart_loses_the_variables_and_tells_those_who_watch(shop: Workshop) -> None:
    events: list[Any] = []
    stop = shop.runtime.events.subscribe(events.append)
    kernel_id = (await shop.do("kernel_start"))["kernel_id"]
    await shop.do("kernel_execute", kernel_id=kernel_id, code="x = 1")
    client = Client()
    running = asyncio.create_task(
        shop.ask(
            "kernel_execute",
            client,
            kernel_id=kernel_id,
            code="import time\nprint(1, flush=True)\ntime.sleep(25)",
        )
    )
    await until(lambda: bool(client.told))
    events.clear()
    kernel = await shop.do("kernel_restart", kernel_id=kernel_id)
    assert kernel["state"] == "idle"
    result = await asyncio.wait_for(running, 30)
    assert (result.structured or {})["status"] == "dead"
    assert "was restarted" in (result.structured or {})["error"]["evalue"]
    assert ResourceUpdated(f"kernel://{kernel_id}/variables") in events
    assert await shop.do("variables_list", kernel_id=kernel_id) == {
        "kernel_id": kernel_id,
        "variables": [],
        "left_out": 0,
    }
    stop()
    await shop.do("kernel_stop", kernel_id=kernel_id)


async def test_a_dead_kernel_is_restarted(shop: Workshop) -> None:
    kernel_id = (await shop.do("kernel_start"))["kernel_id"]
    shop.app.kernel_manager.get_kernel(kernel_id).stop_restarter()
    died = await shop.ask("kernel_execute", kernel_id=kernel_id, code="import os; os._exit(1)")
    assert (died.structured or {})["status"] == "dead"
    assert (await shop.refused("kernel_execute", kernel_id=kernel_id, code="1")).code == (
        "kernel_dead"
    )
    await shop.do("kernel_restart", kernel_id=kernel_id)
    assert (await shop.do("kernel_execute", kernel_id=kernel_id, code="1"))["text"] == "1"
    await shop.do("kernel_stop", kernel_id=kernel_id)


async def test_a_kernel_that_cannot_start(tmp_path: Path, monkeypatch: Any) -> None:
    write_kernelspec(tmp_path, "broken", ["/no/such/program"])
    write_kernelspec(tmp_path, "stillborn", [sys.executable, "-c", "raise SystemExit(3)"])
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    async with workshop(tmp_path) as shop:
        error = await shop.refused("kernel_start", name="broken")
        assert error.code == "unavailable"
        assert "could not be started" in error.message
        assert (await shop.refused("kernel_start", name="stillborn")).code == "kernel_dead"
        assert (await shop.do("kernel_list"))["kernels"] == []


async def _kernel(shop: Workshop, kernel_id: str) -> dict[str, Any]:
    listed = await shop.do("kernel_list")
    found: dict[str, Any] = next(k for k in listed["kernels"] if k["kernel_id"] == kernel_id)
    return found
