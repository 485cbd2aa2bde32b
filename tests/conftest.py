"""Fixtures that several rooms share: real servers, started once for each test process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server import JupyterServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server with live documents, shared by all tests of the process."""
    with JupyterServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server without jupyter-collaboration, shared by all tests of the process."""
    with JupyterServer(tmp_path_factory.mktemp("plain"), collaboration=False) as running:
        yield running


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab with live documents, for a browser."""
    with JupyterServer(tmp_path_factory.mktemp("lab"), lab=True) as running:
        yield running
