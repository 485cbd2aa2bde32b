from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mcp.calls import Context, Embedded, Image, JobContext, Text, Toolset, prompt, resource
from jupyter_mcp.calls import tool as offered
from jupyter_mcp.calls.call import Call, SilentChannel
from jupyter_mcp.calls.content import Message, Result
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.redact import IN_PLACE, Redact, is_big
from jupyter_mcp.security.secrets.redaction import Redactor
from support.policies import a_call, operation
from support.runtimes import OWNER, call, running

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mcp.runtime import Runtime

SECRET = "hunter2-correct-horse"


class Leaky(Toolset):
    """Tools that say too much."""

    name = "leaky"

    @offered(scope="read")
    async def leaky_say(self, ctx: Context) -> dict[str, Any]:
        """Tell the secret on every way out."""
        await ctx.progress(1, 2, f"at {SECRET}")
        await ctx.log("info", {"line": SECRET})
        return {"value": SECRET, SECRET: [f"https://host/?key={SECRET}"]}

    @offered(scope="read")
    async def leaky_refuse(self) -> str:
        """Fail with the secret."""
        raise ToolError("conflict", f"not {SECRET}", f"try {SECRET}", data={"diff": f"-{SECRET}"})

    @offered(scope="read")
    async def leaky_break(self) -> str:
        """Fail in an unforeseen way."""
        raise RuntimeError(SECRET)

    @offered(scope="read", secret_output=True)
    async def leaky_make(self) -> str:
        """Make a secret for the caller."""
        return SECRET

    @offered(scope="execute")
    async def leaky_job(self, ctx: Context) -> str:
        """Tell the secret in the background."""

        async def work(job: JobContext) -> str:
            job.log(f"log {SECRET}")
            await job.progress(1, 1, SECRET)
            return SECRET

        return ctx.job("leak", work)

    @resource("leaky://it", name="it", mime="text/plain")
    async def it(self) -> str:
        """The secret."""
        return f"it is {SECRET}"

    @prompt()
    async def leaky_prompt(self) -> list[Any]:
        """The secret."""
        return [Text(SECRET)]


class Listener(SilentChannel):
    """Keeps what a client would get."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def progress(self, done: float, total: float | None, message: str) -> None:
        assert done < (total or 0)
        self.told.append(message)

    async def log(self, level: str, data: Any) -> None:
        assert level == "info"
        self.told.append(json.dumps(data))


def _open(runtime: Runtime) -> Runtime:
    runtime.trust.redactor.learn(SECRET)
    return runtime


async def test_results_progress_and_log_carry_no_secret(tmp_path: Path) -> None:
    listener = Listener()
    async with running(tmp_path, Leaky) as runtime:
        _open(runtime)
        everything = runtime.catalog.selection("all")
        result = await runtime.call_tool(
            "leaky_say", {}, OWNER, "test", selection=everything, channel=listener
        )
        kept = next(reversed(runtime.calls.recent.values()))
    assert SECRET not in json.dumps(result.to_json()) + repr(result)
    assert "[redacted]" in json.dumps(result.structured)
    assert listener.told == ["at [redacted]", '{"line": "[redacted]"}']
    assert SECRET not in repr(kept)


async def test_errors_carry_no_secret(tmp_path: Path) -> None:
    async with running(tmp_path, Leaky) as runtime:
        refused = await call(_open(runtime), "leaky_refuse")
    assert refused.error.message == "not [redacted]"
    assert refused.error.data == {"diff": "-[redacted]"}
    assert SECRET not in json.dumps(refused.to_json())


async def test_the_log_of_a_failure_carries_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, Leaky) as runtime:
        await call(_open(runtime), "leaky_break")
    assert "RuntimeError: [redacted]" in caplog.text
    assert SECRET not in caplog.text


async def test_a_runtime_leaves_no_log_handler_behind(tmp_path: Path) -> None:
    before = list(logging.getLogger("jupyter_mcp").handlers)
    async with running(tmp_path):
        assert logging.getLogger("jupyter_mcp").handlers != before
    assert logging.getLogger("jupyter_mcp").handlers == before


async def test_resources_and_prompts_carry_no_secret(tmp_path: Path) -> None:
    async with running(tmp_path, Leaky) as runtime:
        view = _open(runtime).catalog.view(OWNER, runtime.catalog.selection("all"))
        read = await runtime.call(view.resources["leaky://it"], {}, OWNER, "test")
        asked = await runtime.call(view.prompts["leaky_prompt"], {}, OWNER, "test")
    assert read.value == "it is [redacted]"
    assert asked.value == [Text("[redacted]")]


async def test_what_is_for_the_caller_alone_goes_out_whole_and_is_not_kept(tmp_path: Path) -> None:
    async with running(tmp_path, Leaky) as runtime:
        result = await call(_open(runtime), "leaky_make")
        kept = next(reversed(runtime.calls.recent.values()))
    assert result.content == (Text(SECRET),)
    assert SECRET not in repr(kept)
    assert kept.status == "succeeded"


async def test_a_job_keeps_no_secret(tmp_path: Path) -> None:
    from sqlalchemy import text

    async with running(tmp_path, Leaky) as runtime:
        started = await call(_open(runtime), "leaky_job")
        job = started.content[0].text
        told = await call(runtime, "job_get", job_id=job, wait=30)
        stored = await runtime.storage.run(
            lambda connection: str(connection.execute(text("select * from jobs")).all())
        )
    assert told.structured["status"] == "succeeded"
    assert "[redacted]" in stored
    assert SECRET not in stored + json.dumps(told.to_json())


def test_bytes_and_clean_results_are_left_alone() -> None:
    redactor = Redactor()
    redactor.learn(SECRET)
    executor = Executor(1)
    redact = Redact(redactor, executor)
    executor.stop()
    clean = Result((Text("fine"), Image(SECRET.encode())), {"a": 1})
    assert redact.result(clean) is clean
    mixed = Result((Embedded("u", SECRET), Image(SECRET.encode())))
    assert redact.result(mixed).content == (Embedded("u", "[redacted]"), Image(SECRET.encode()))
    said = Result(value=[Message(Text(SECRET))])
    assert redact.result(said).value == [Message(Text("[redacted]"))]


class Watched(Redactor):
    """Tells in which threads it looked through something."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()

    def is_clean(self, text: str) -> bool:
        self.threads.add(threading.current_thread().name)
        return super().is_clean(text)


@pytest.mark.parametrize("rows", [3, IN_PLACE])
async def test_a_big_result_holds_nobody_up(rows: int) -> None:
    redactor, executor = Watched(), Executor(1, "aside")
    redactor.learn(SECRET)
    big = Result((Text("many"),), {"rows": [*range(rows), SECRET]})

    async def run(_call: Call) -> Result:
        return big

    result = await Redact(redactor, executor)(a_call(operation("look")), run)
    executor.stop()
    assert result.structured == {"rows": [*range(rows), "[redacted]"]}
    assert all(name.startswith("aside") for name in redactor.threads) == is_big(big) == (rows > 3)


@pytest.mark.parametrize(
    "result",
    [
        Result((Text("x" * IN_PLACE),)),
        Result((Embedded("u", "x" * IN_PLACE),)),
        Result((Text(""),), {"a": {"b": [1.5] * IN_PLACE}}),
        Result((Text(""),), {"a": ["x" * 40] * 1000}),
        Result(value=[Message(Text("x" * IN_PLACE))]),
        Result((Text(""),), None, meta={"a": "x" * IN_PLACE}),
    ],
)
def test_what_is_big(result: Result) -> None:
    assert is_big(result)
    assert not is_big(Result((Text("x"), Image(b"x" * IN_PLACE)), {"a": [1, "b"]}))
