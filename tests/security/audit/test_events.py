"""Records reach those who listen to Jupyter's events, and cost nothing when nobody does."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import yaml
from jupyter_events import EventLogger

from jupyter_mcp.security.audit.events import CALL_SCHEMA, SECURITY_SCHEMA, AuditEvents
from support.audits import auditing, ended

EVENTS = Path(__file__).parents[3] / "jupyter_mcp" / "security" / "audit" / "schemas"


async def test_calls_and_other_events_are_emitted_with_their_schemas(tmp_path: Path) -> None:
    logger, stream = EventLogger(), io.StringIO()
    logger.register_handler(logging.StreamHandler(stream))
    events = AuditEvents(logger)
    events.register()
    events.register()
    async with auditing(tmp_path, seconds=3600.0) as audit:
        audit.listeners.append(events.tell)
        for _ in range(25):
            audit.append(ended({"password": "hidden"}))
        audit.event("token_created", principal="user:ann", token="family")
        await audit.flush()
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [each["__schema__"] for each in told] == [CALL_SCHEMA] * 25 + [SECURITY_SCHEMA]
    assert told[0]["arguments"] == {"password": "[redacted]"}
    assert told[0]["outcome"] == "succeeded"
    assert told[-1]["principal"] == "user:ann"


async def test_a_listener_of_one_schema_gets_just_that(tmp_path: Path) -> None:
    logger, heard = EventLogger(), []

    async def listen(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
        del logger, schema_id
        heard.append(data["kind"])

    events = AuditEvents(logger)
    events.register()
    logger.add_listener(schema_id=SECURITY_SCHEMA, listener=listen)
    async with auditing(tmp_path, seconds=3600.0) as audit:
        audit.listeners.append(events.tell)
        audit.append(ended())
        audit.event("login_failed")
        await audit.flush()
        await logger.gather_listeners()
    assert heard == ["login_failed"]


async def test_nothing_is_read_while_nobody_listens() -> None:
    events = AuditEvents(EventLogger())
    events.register()
    unreadable: Any = [object()]
    await events.tell(unreadable)


async def test_events_are_emitted_while_the_database_fails_too(tmp_path: Path) -> None:
    logger, stream = EventLogger(), io.StringIO()
    logger.register_handler(logging.StreamHandler(stream))
    events = AuditEvents(logger)
    events.register()
    async with auditing(tmp_path / "missing", seconds=3600.0) as audit:
        audit.listeners.append(events.tell)
        audit.append(ended())
        await audit.flush()
        assert audit.failing
    assert CALL_SCHEMA in stream.getvalue()


def test_each_schema_describes_all_its_properties() -> None:
    for file in EVENTS.glob("*.yaml"):
        schema = yaml.safe_load(file.read_text())
        assert schema["$id"].startswith("https://events.jupyter.org/jupyter_mcp/")
        assert all(each["description"] for each in schema["properties"].values())
