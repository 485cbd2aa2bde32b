"""``jupyter mcp audit`` with a server and without, and what the server's /metrics tells."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import run
from support.server import JupyterServer, wait_until


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of its own: its database gets tampered with."""
    with JupyterServer(tmp_path_factory.mktemp("audited"), collaboration=False) as server:
        for name in ("a.ipynb", "b.ipynb"):
            done = run(server, "call", "notebook_read", f"path={name}")
            assert done.returncode == 1
        yield server


def database(server: JupyterServer) -> Path:
    (found,) = (server.home / "data" / "jupyter_mcp").glob("*/workbench.db")
    return found


def test_a_table_of_what_was_done(audited: JupyterServer) -> None:
    done = run(audited, "audit", "--since", "1h", "--tool=notebook_read")
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split()[:4] == ["number", "time", "kind", "who"]
    assert len(rows) == 2
    assert all("notebook_read" in row and "not_found" in row for row in rows)


def test_json_for_scripts(audited: JupyterServer) -> None:
    done = run(audited, "audit", "--json", "--tool=notebook_read", "--limit=1")
    page = json.loads(done.stdout)
    assert page["records"][0]["arguments"] == {"path": "b.ipynb"}


def test_the_export_can_be_verified_by_anybody(audited: JupyterServer, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    done = run(audited, "audit", "--export", str(file))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["id"] for each in records] == list(range(1, len(records) + 1))
    previous = "0" * 64
    for record in records:
        del record["id"]
        hashed = record.pop("hash")
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256((previous + text).encode()).hexdigest()
        assert hashed == previous


def test_an_export_to_nowhere_is_told_in_one_line(audited: JupyterServer) -> None:
    done = run(audited, "audit", "--export", "/nowhere/at/all")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written: No such file" in done.stderr


def test_metrics_of_the_server(audited: JupyterServer) -> None:
    def told() -> str:
        return audited.request("GET", "metrics").body.decode()

    wait_until(lambda: "mcp_audit_backlog 0.0" in told(), seconds=30, what="all is written")
    assert 'mcp_calls_total{outcome="failed",tool="notebook_read"} 2.0' in told()
    assert "mcp_call_seconds_bucket" in told()


def test_verify_with_the_server_and_without_and_after_tampering(audited: JupyterServer) -> None:
    good = run(audited, "audit", "--verify")
    assert good.returncode == 0, good.stderr
    assert "are as they were written" in good.stdout
    audited.stop()
    without = run(audited, "audit", "--verify", "--root", str(audited.root), "--json")
    assert without.returncode == 0, without.stderr
    assert json.loads(without.stdout)["ok"] is True
    with sqlite3.connect(database(audited)) as opened:
        opened.execute("update audit set record = replace(record, 'b.ipynb', 'c.ipynb')")
        (wrong,) = opened.execute(
            "select min(id) from audit where record like '%c.ipynb%'"
        ).fetchone()
    opened.close()
    bad = run(audited, "audit", "--verify", "--root", str(audited.root))
    assert bad.returncode == 1
    assert f"TAMPERED: record {wrong}: its contents or its place were changed" in bad.stdout
    audited.start()
