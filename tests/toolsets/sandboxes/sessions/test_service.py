"""Sessions: whose they are, how long they last, and how they outlive servers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from jupyter_mcp.toolsets.sandboxes.sessions.store import SPACE
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from support.clock import Clock
from support.engine import Engine
from support.redis import RedisServer
from support.sandboxes import (
    ANN,
    BEN,
    kept_runtime,
    run,
    sandbox_runtime,
    sandboxes_of,
    serving,
    until,
)

DAY = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with sandbox_runtime(tmp_path, sandbox_limit=3) as started:
        yield started


@pytest_asyncio.fixture
async def service(runtime: Runtime, clock: Clock) -> AsyncIterator[Sandboxes]:
    async with serving(runtime, clock) as started:
        yield started


async def refused(work: object) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_a_sandbox_is_found_by_name_and_identifier_and_by_its_owner_only(
    service: Sandboxes,
) -> None:
    made = await service.create(ANN, Wish(name="tests"))
    assert made.status == "running"
    assert made.capabilities.isolation == "process"
    assert (await service.get("tests", ANN)).id == made.id
    assert (await service.get(made.id, None)).id == made.id
    assert await run(service, "tests", "echo", "hello") == "hello\n"
    for sandbox in ("tests", made.id):
        assert (await refused(service.get(sandbox, BEN))).code == "not_found"
        assert (await refused(service.link(sandbox, BEN))).code == "not_found"
        assert (await refused(service.destroy(sandbox, BEN))).code == "not_found"
    assert await service.list(BEN) == []


async def test_names_are_unique_for_an_owner_also_when_two_are_made_at_once(
    service: Sandboxes,
) -> None:
    both = await asyncio.gather(
        *(service.create(ANN, Wish(name="same")) for _ in range(2)), return_exceptions=True
    )
    errors = [each for each in both if isinstance(each, ToolError)]
    assert [error.code for error in errors] == ["conflict"]
    assert len(await service.list(ANN)) == 1
    ben = await service.create(BEN, Wish(name="same"))
    error = await refused(service.get("same", None))
    assert ben.id in error.remedy
    await service.destroy("same", ANN)
    assert (await service.create(ANN, Wish(name="same"))).name == "same"


async def test_the_limit_holds_for_parallel_creates_on_two_servers(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    async with serving(runtime, clock) as other:
        creates = [each.create(ANN, Wish()) for each in (service, other) for _ in range(4)]
        made = await asyncio.gather(*creates, return_exceptions=True)
        errors = [each for each in made if isinstance(each, ToolError)]
        assert len(errors) == 5
        assert {error.code for error in errors} == {"limit_reached"}
        assert "sandbox_destroy" in errors[0].remedy
        assert len(await other.list(ANN)) == 3
        await other.create(BEN, Wish())
        first = (await service.list(ANN))[0]
        await other.destroy(first.id, ANN)
        await service.list(ANN)
        await service.create(ANN, Wish())
        assert (await refused(other.create(ANN, Wish()))).code == "limit_reached"


async def test_a_create_that_fails_takes_no_place_and_no_name(service: Sandboxes) -> None:
    for _ in range(4):
        error = await refused(service.create(ANN, Wish(name="a", image="jupyter-mcp/dev:1")))
        assert error.code == "unsupported"
        error = await refused(service.create(ANN, Wish(name="a", snapshot="snap-000000000000")))
        assert error.code == "not_found"
    for name in ("a", "b", "c"):
        await service.create(ANN, Wish(name=name))


async def test_a_create_that_is_cancelled_leaves_nothing(
    runtime: Runtime, service: Sandboxes
) -> None:
    for delay in (0.0, 0.01, 0.05):
        making = asyncio.ensure_future(service.create(ANN, Wish(name="gone")))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(making), delay)
        making.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            made = await making
            await service.destroy(made.id, ANN)
    await until(lambda: not any("undo" in name for name in runtime.tasks.names))
    backend = await service.ground.engines.backend("process")
    assert await backend.list(service.ground.namespace) == []
    await service.create(ANN, Wish(name="gone"))


async def test_each_use_puts_the_end_off_and_nothing_else_does(
    service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=100))
    clock.now += 90
    await run(service, made.id, "true")
    clock.now += 90
    assert (await service.get(made.id, ANN)).expires == clock.now + 10
    clock.now += 11
    error = await refused(service.link(made.id, ANN))
    assert error.code == "not_found"
    assert "Nobody used it for 100 seconds" in error.message
    assert "has ended" in (await refused(service.get(made.id, ANN))).message
    assert "has ended" not in (await refused(service.get(made.id, BEN))).message
    assert await service.list(ANN) == []


async def test_what_runs_inside_keeps_it(service: Sandboxes, clock: Clock) -> None:
    made = await service.create(ANN, Wish(timeout=100))
    async with service.using(made.id, ANN):
        clock.now += 1000
        await service.reaper.look()
        assert len(await service.list(ANN)) == 1
    assert (await service.get(made.id, ANN)).expires == clock.now + 100


async def test_extend_reaches_the_absolute_limit_and_no_further(
    service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=100))
    extended = await service.extend(made.id, ANN, 1000)
    assert extended.expires == clock.now + 1000
    clock.now += 500
    await run(service, made.id, "true")
    assert (await service.get(made.id, ANN)).expires == clock.now + 500, "a use takes nothing away"
    most = await service.extend(made.id, ANN, 10 * DAY)
    assert most.expires == most.ends == made.ends
    clock.now = made.ends or 0.0
    assert "end of its time" in (await refused(service.get(made.id, ANN))).message


async def test_pause_stops_both_clocks_and_resume_gives_what_was_left(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=100))
    await service.extend(made.id, ANN, 700)
    clock.now += 300
    paused = await service.pause(made.id, ANN)
    assert (paused.status, paused.expires) == ("paused", None)
    error = await refused(service.link(made.id, ANN))
    assert error.code == "conflict"
    assert "sandbox_resume" in error.remedy
    clock.now += 2 * DAY
    await service.reaper.look()
    async with serving(runtime, clock) as other:  # pauses are known to other servers, and resumed
        assert (await other.get(made.id, ANN)).status == "paused"
        resumed = await other.resume(made.id, ANN)
        assert resumed.idle_ends == pytest.approx(clock.now + 400)
        assert resumed.ends == pytest.approx((made.ends or 0.0) + 2 * DAY)
    found = (await service.list(ANN))[0]
    assert found.expires == pytest.approx(clock.now + 400)
    assert await run(service, made.id, "echo", "on") == "on\n"


async def test_a_paused_sandbox_ends_after_a_week(service: Sandboxes, clock: Clock) -> None:
    made = await service.create(ANN, Wish())
    await service.pause(made.id, ANN)
    clock.now += 7 * DAY + 1
    assert "paused for too long" in (await refused(service.get(made.id, ANN))).message


async def test_the_next_server_goes_on_with_files_and_promises(tmp_path: Path) -> None:
    async with kept_runtime(tmp_path) as runtime:
        service = sandboxes_of(runtime)
        made = await service.create(ANN, Wish(name="kept", timeout=1234))
        await service.extend(made.id, ANN, 5000)
        before = await service.get(made.id, ANN)
        await run(service, "kept", "sh", "-c", "echo mine > file")
        link = await service.link("kept", ANN)
        await link.start(["sleep", "1000"])
    async with sandbox_runtime(tmp_path) as runtime:
        service = sandboxes_of(runtime)
        found = (await service.list(ANN))[0]
        assert (found.id, found.name, found.status) == (made.id, "kept", "detached")
        assert found.timeout == 1234
        assert found.expires == pytest.approx(before.expires)
        assert await run(service, "kept", "cat", "file") == "mine\n"
        again = await service.get("kept", ANN)
        assert again.status == "running"
        assert again.reattached


async def test_what_is_lost_from_the_store_is_made_again_from_the_engine(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    made = [await service.create(ANN, Wish(name=name, timeout=50)) for name in ("a", "b")]
    await runtime.trust.shared.store.clear(SPACE)
    async with serving(runtime, clock) as other:
        found = await other.list(ANN)
        assert {each.id for each in found} == {each.id for each in made}
        assert {each.name for each in found} == {"a", "b"}
        assert all(each.expires == clock.now + 50 for each in found)
        assert (await refused(other.create(ANN, Wish(name="a")))).code == "conflict"
        await other.create(ANN, Wish())
        assert (await refused(other.create(ANN, Wish()))).code == "limit_reached"


async def test_an_agent_that_died_is_told_and_attached_again_at_the_next_use(
    service: Sandboxes,
) -> None:
    made = await service.create(ANN, Wish())
    ended: list[str] = []
    told = asyncio.Event()
    service.on_end(lambda sandbox: (ended.append(sandbox), told.set()))  # type: ignore[func-returns-value, arg-type]
    link = await service.link(made.id, ANN)
    await run(service, made.id, "touch", "file")
    await link.close()
    await asyncio.wait_for(told.wait(), 30)
    assert ended == [made.id]
    assert (await service.get(made.id, ANN)).status == "detached"
    assert await run(service, made.id, "ls") == "file\n"
    assert (await service.get(made.id, ANN)).reattached


async def test_callers_at_once_attach_one_agent(service: Sandboxes) -> None:
    made = await service.create(ANN, Wish())
    await (await service.link(made.id, ANN)).close()
    links = await asyncio.gather(*(service.link(made.id, ANN) for _ in range(5)))
    assert len(set(map(id, links))) == 1


async def test_a_sandbox_that_is_gone_from_its_engine_says_so(service: Sandboxes) -> None:
    made = await service.create(ANN, Wish())
    backend = await service.ground.engines.backend("process")
    await service.ground.attaching.detach(service.ground.register.get(made.id))  # type: ignore[arg-type]
    await backend.destroy(made.handle)
    error = await refused(service.link(made.id, ANN))
    assert error.code == "not_found"
    assert "engine" in error.message
    assert await service.list(ANN) == []


async def test_secrets_come_over_the_channel_and_lie_nowhere(tmp_path: Path) -> None:
    environment = (("API_KEY", "${secret:api}"), ("PLAIN", "x"))
    async with sandbox_runtime(tmp_path, sandbox_environment=environment) as runtime:
        service = sandboxes_of(runtime)
        error = await refused(service.create(ANN, Wish(name="early")))
        assert error.code == "not_found", "the secret is not set yet"
        await runtime.trust.secrets.set("api", "s3cr3t-value-of-the-test")
        made = await service.create(ANN, Wish(name="early"))
        printed = await run(service, made.id, "printenv", "API_KEY", "PLAIN", "MEM_LIMIT")
        assert printed == f"s3cr3t-value-of-the-test\nx\n{made.handle.spec.limits.memory}\n"
        assert "s3cr3t" not in repr(made)
        folder = runtime.host.state / "sandboxes"
        link = await service.link(made.id, ANN)
        assert all(b"s3cr3t" not in each for each in kept_and_shown(folder, link.hello.pid))


async def test_a_server_that_never_made_a_sandbox_looks_for_none(tmp_path: Path) -> None:
    async with kept_runtime(tmp_path) as runtime:
        service = sandboxes_of(runtime)
        await service.reaper.look()
        assert await service.list(None) == []
        assert service.ground.engines._made == {}


async def test_two_servers_with_one_redis_share_sandboxes(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis:
        first = sandbox_runtime(tmp_path / "state", redis_url=redis.url, sandbox_limit=2)
        second = sandbox_runtime(tmp_path / "state", redis_url=redis.url, sandbox_limit=2)
        async with first as one, second as two:
            ours, theirs = sandboxes_of(one), sandboxes_of(two)
            made = await ours.create(ANN, Wish(name="shared", timeout=600))
            await run(ours, "shared", "sh", "-c", "echo kept > file")
            found = (await theirs.list(ANN))[0]
            assert (found.id, found.status, found.timeout) == (made.id, "detached", 600)
            assert await run(theirs, "shared", "cat", "file") == "kept\n"
            assert (await theirs.get("shared", ANN)).reattached
            assert (await refused(theirs.create(ANN, Wish(name="shared")))).code == "conflict"
            redis.kill()
            assert await run(ours, "shared", "cat", "file") == "kept\n", "the store is a cache"
            await theirs.create(ANN, Wish(name="other"))
            assert (await refused(theirs.create(ANN, Wish()))).code == "limit_reached"
            redis.start()  # and has forgotten all
            await until(lambda: all(each.trust.shared.redis.is_up for each in (one, two)))
            assert {each.name for each in await ours.list(ANN)} == {"shared", "other"}
            assert (await refused(ours.create(ANN, Wish()))).code == "limit_reached"
            await theirs.destroy("shared", ANN)
            assert [each.name for each in await ours.list(ANN)] == ["other"]


async def test_containers_pause_and_come_back_on_another_server(
    tmp_path: Path, engine: Engine
) -> None:
    settings = {"docker_url": engine.url, "sandbox_image": engine.image}
    async with sandbox_runtime(tmp_path, "docker", **settings) as runtime:
        service = sandboxes_of(runtime)
        made = await service.create(ANN, Wish(name="box", memory=256 * 1024**2))
        assert made.capabilities.isolation == "container"
        await run(service, "box", "sh", "-c", "echo mine > /workspace/file")
        assert (await service.pause("box", ANN)).status == "paused"
        async with serving(runtime) as other:
            assert (await other.list(ANN))[0].status == "paused"
            assert (await other.resume("box", ANN)).status == "detached"
            assert await run(other, "box", "cat", "file") == "mine\n"
        assert await run(service, "box", "cat", "file") == "mine\n"


async def test_an_engine_that_is_gone_is_told_with_a_remedy(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    async with sandbox_runtime(tmp_path, "docker", docker_url=url) as runtime:
        error = await refused(sandboxes_of(runtime).create(ANN, Wish()))
        assert error.code == "unavailable"
        assert error.remedy


def kept_and_shown(folder: Path, pid: int) -> list[bytes]:
    """Return all files of sandboxes, and the arguments with which a process was started."""
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert kept
    return [*kept, Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_session_ends_at_whichever_end_is_earlier() -> None:
    from jupyter_mcp.toolsets.sandboxes.sessions.store import Record

    record = Record(10, idle_ends=100, ends=200)
    assert record.expires == 100
    assert replace(record, idle_ends=300).expires == 200
