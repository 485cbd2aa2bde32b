from __future__ import annotations

import yaml
from jupyter_events import EventLogger

from jupyter_mcp.server.event_schemas import FOR_PAGES, register


def test_files_have_the_schemas_that_pages_listen_to() -> None:
    for schema, file in FOR_PAGES.items():
        assert yaml.safe_load(file.read_text())["$id"] == schema


def test_they_are_registered_once() -> None:
    logger = EventLogger()
    register(logger)
    register(logger)
    assert set(FOR_PAGES) <= set(logger.schemas.schema_ids)
