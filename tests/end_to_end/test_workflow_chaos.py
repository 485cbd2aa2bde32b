"""50 workflows of 7 tools each: workers, servers, Postgres and Redis are killed, and all finish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.chaos import Chaos
from support.durable import flows
from support.plugins import plugin_environment
from support.postgres import Postgres
from support.redis import RedisServer
from support.server import wait_until

pytestmark = pytest.mark.timeout(420)

RUNS = 50
WORKER_KILLS = 4
SERVER_KILLS = 2
PORTION = RUNS // (WORKER_KILLS + 1)
AWAY = "The audit cannot be written"
"""What a server says while its database is away."""


@contextmanager
def chaos(home: Path, **settings: Any) -> Iterator[Chaos]:
    """Start a server whose effects are counted."""
    environment = plugin_environment(home, effects="support.effects:Effects")
    config = {"JupyterMCP": {"workflow_running": RUNS, **settings}}
    with flows(home, env=environment, config=config) as flow:
        made = Chaos(flow, settings.get("database_url", ""))
        try:
            yield made
        finally:
            made.close()


def kill_workers(at: Chaos) -> None:
    """Start all runs, and kill four workers at them."""
    for _ in range(WORKER_KILLS):
        at.start(PORTION)
        at.go_on(3 * PORTION)
        at.kill_worker()
    at.start(PORTION)
    assert not at.doubled, "a worker that is killed doubles nothing"


@pytest.mark.parametrize("shared", [False, True], ids=["sqlite", "postgres"])
def test_what_a_server_did_right_before_it_was_killed_is_not_done_again(
    tmp_path: Path, request: pytest.FixtureRequest, shared: bool
) -> None:
    settings = {"database_url": request.getfixturevalue("postgres").database()} if shared else {}
    with chaos(tmp_path, **settings) as at:
        node = {"kind": "action", "tool": "effect_deadly", "arguments": {"name": "once"}}
        run = at.flow.start({"id": "n", **node})
        at.outlive_server()
        assert at.flow.until(run)["status"] == "succeeded"
        assert at.effects == {"once": 1}


def test_all_finish_on_sqlite(tmp_path: Path) -> None:
    with chaos(tmp_path) as at:
        kill_workers(at)
        for _ in range(SERVER_KILLS):
            at.go_on(2 * PORTION)
            at.kill_server()
        at.end()


def test_all_finish_on_a_postgres_that_is_restarted_too(tmp_path: Path, postgres: Postgres) -> None:
    with chaos(tmp_path, database_url=postgres.database()) as at:
        kill_workers(at)
        at.go_on(PORTION)
        at.kill_server()
        at.go_on(PORTION)
        postgres.stop()
        wait_until(lambda: AWAY in at.flow.server.log, seconds=30, what="it is missed")
        postgres.start()
        at.go_on(PORTION)
        at.kill_server()
        at.end()


def test_all_finish_while_redis_is_restarted(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis, chaos(tmp_path / "home", redis_url=redis.url) as at:
        at.start(PORTION)
        at.go_on(3 * PORTION)
        redis.kill()
        at.miss("Redis cannot be reached")
        redis.start()
        at.end()
