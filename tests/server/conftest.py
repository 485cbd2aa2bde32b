"""A server with several people, for the tests of the door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.identities import RECORD
from support.plugins import plugin_environment
from support.server import JupyterServer


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server that knows ann and bob by their tokens; its own token is ann's."""
    home = tmp_path_factory.mktemp("crowded")
    environment = plugin_environment(home, probe="support.probe:Probe")
    environment[RECORD] = str(home / "asked.jsonl")
    classes = {
        "identity_provider_class": "support.identities.Crowd",
        "authorizer_class": "support.identities.Judge",
    }
    server = JupyterServer(
        home, collaboration=False, env=environment, config={"ServerApp": classes}
    )
    server.token = "ann-token"
    with server:
        yield server
