from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time

import pytest

from jupyter_mcp.calls import Call, Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.deadline import Deadline
from jupyter_mcp.policies.retry import Retry
from support.policies import a_call, done, operation, turn

LOOK = operation("look", read_only=True)
TRANSIENT = ToolError("unavailable", "Not now.", data={"transient": True})


class Fails:
    """The rest of a corridor that fails so many times and then works."""

    def __init__(self, times: int, error: Exception) -> None:
        self.runs = 0
        self._times = times
        self._error = error

    async def __call__(self, call: Call) -> Result:
        self.runs += 1
        if self.runs <= self._times:
            raise self._error
        return await done(call)


@pytest.mark.parametrize("error", [ToolError("upstream", "Gone."), TRANSIENT])
@pytest.mark.parametrize("hint", [{"read_only": True}, {"idempotent": True}])
async def test_what_fails_in_passing_is_tried_again(
    error: ToolError, hint: dict[str, bool]
) -> None:
    made, fails = a_call(operation("look", **hint)), Fails(2, error)
    assert not (await Retry(3, 0.001)(made, fails)).is_error
    assert made.notes["attempts"] == 3


async def test_there_is_an_end_to_it() -> None:
    fails = Fails(9, TRANSIENT)
    with pytest.raises(ToolError, match="Not now"):
        await Retry(3, 0.001)(a_call(LOOK), fails)
    assert fails.runs == 3


@pytest.mark.parametrize(
    "error",
    [
        ToolError("unavailable", "Gone for good."),
        ToolError("conflict", "No."),
        ToolError("upstream", "Much later.", data={"retry_after": 60}),
        RuntimeError("bug"),
    ],
)
async def test_other_failures_are_told_at_once(error: Exception) -> None:
    fails = Fails(9, error)
    with pytest.raises(type(error)):
        await Retry(3, 0.001)(a_call(LOOK), fails)
    assert fails.runs == 1


async def test_what_changes_something_is_never_done_twice() -> None:
    fails = Fails(1, TRANSIENT)
    with pytest.raises(ToolError):
        await Retry(3, 0.001)(a_call(operation()), fails)
    assert fails.runs == 1


async def test_the_patience_that_a_failure_asks_for_is_had() -> None:
    fails = Fails(1, ToolError("upstream", "Soon.", data={"retry_after": 0.05}))
    began = time.monotonic()
    await Retry(3, 0.0001)(a_call(LOOK), fails)
    assert time.monotonic() - began >= 0.05


async def test_all_tries_have_the_time_of_one_call() -> None:
    async def tried(call: Call) -> Result:
        return await Retry(99, 0.01)(call, Fails(999, TRANSIENT))

    with pytest.raises(ToolError, match="cancelled after"):
        await Deadline()(a_call(LOOK, timeout=0.1), tried)


async def test_cancelling_ends_the_waiting() -> None:
    fails = Fails(9, TRANSIENT)
    task = asyncio.create_task(Retry(3, 5.0)(a_call(LOOK), fails))
    await turn()
    assert fails.runs == 1
    task.cancel()
    await asyncio.wait({task}, timeout=30)
    assert task.cancelled()


async def test_no_line_of_log_is_added(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await Retry(3, 0.001)(a_call(LOOK), Fails(2, TRANSIENT))
    assert [record for record in caplog.records if record.name != "asyncio"] == []


def test_the_servers_own_stamina_and_metrics_stay_as_they_were() -> None:
    script = """
import asyncio, prometheus_client, stamina
from stamina.instrumentation import get_on_retry_hooks
from jupyter_mcp.policies.retry import Retry
from test_retry import Fails, LOOK, TRANSIENT
from support.policies import a_call
stamina.set_active(False)
before = set(prometheus_client.REGISTRY._names_to_collectors)
made = a_call(LOOK)
asyncio.run(Retry(3, 0.001)(made, Fails(2, TRANSIENT)))
assert made.notes["attempts"] == 3, made.notes
assert set(prometheus_client.REGISTRY._names_to_collectors) == before
assert not stamina.is_active()
assert len(get_on_retry_hooks()) > 0
"""
    environment = {"PYTHONPATH": "tests:tests/policies", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
