from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server import JupyterServer, wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_a_server_answers_its_token_only(server: JupyterServer) -> None:
    assert server.request("GET", "api/contents").status == 200
    assert server.request("GET", "api/contents", token=False).status == 403


@pytest.mark.parametrize(("fixture", "live"), [("server", True), ("plain_server", False)])
def test_live_documents_are_on_or_off(
    fixture: str, live: bool, request: pytest.FixtureRequest
) -> None:
    running: JupyterServer = request.getfixturevalue(fixture)
    (running.root / "a.txt").write_text("text")
    body = {"format": "text", "type": "file"}
    answer = running.request("PUT", "api/collaboration/session/a.txt", body)
    assert (answer.status < 300) is live


def test_a_stopped_server_takes_its_kernels_with_it(tmp_path: Path) -> None:
    with JupyterServer(tmp_path, collaboration=False, base_url="/deep/") as running:
        assert "/deep/" in running.url
        answer = running.request("POST", "api/kernels", {"name": "python3"})
        assert answer.status == 201, answer.body
    assert "jpserver" not in "".join(p.name for p in (tmp_path / "runtime").iterdir())


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = JupyterServer(tmp_path, args=("--ServerApp.ip=192.0.2.1",))
    with pytest.raises(RuntimeError, match="ended with"):
        broken.start()


def test_waiting_ends_with_what_was_awaited() -> None:
    with pytest.raises(TimeoutError, match="the moon: not within"):
        wait_until(lambda: False, seconds=0.1, what="the moon")
