"""What becomes of a run whose kernel does not say all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from jupyter_mcp.toolsets.notebooks.connection import Connection
from jupyter_mcp.toolsets.notebooks.displays import Displays
from jupyter_mcp.toolsets.notebooks.outputs import OutputArea
from jupyter_mcp.toolsets.notebooks.run import Run, Work

RAISED = {"ename": "KeyboardInterrupt", "evalue": "", "traceback": []}


class Wire:
    """A kernel's connection, on which the test says what comes."""

    def request(self, *_: Any) -> str:
        return "1"

    def forget(self, _: str) -> None:
        pass


async def ended(*published: tuple[str, Mapping[str, Any]]) -> Run:
    """Return a run of which the kernel published this, and for which it sent no reply."""
    run = Run(Work("x"), OutputArea(Displays()))
    run.send(cast("Connection", Wire()))
    for kind, content in published:
        run.message("iopub", {"header": {"msg_type": kind}, "content": content})
    await run.done.wait()
    return run


@pytest.mark.parametrize(
    ("published", "status", "name"),
    [([("error", RAISED)], "error", "KeyboardInterrupt"), ([], "cancelled", "")],
)
async def test_a_kernel_that_was_interrupted_before_it_replied_has_told_its_error(
    published: list[Any], status: str, name: str
) -> None:
    busy, idle = ({"execution_state": state} for state in ("busy", "idle"))
    run = await ended(("status", busy), *published, ("status", idle))
    assert (run.outcome().status, run.outcome().ename) == (status, name)
