"""Tells records of the audit as Jupyter events, to handlers and listeners that a site configured.

Checking an event against its schema costs about 0.2 ms, so nothing is done while nobody listens,
and the event loop gets a turn after each few. Handlers may write to sockets of the event loop, so
they are called on its thread.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_mcp.security.audit.records import CALL, Prepared

CALL_SCHEMA = "https://events.jupyter.org/jupyter_mcp/call/v1"
SECURITY_SCHEMA = "https://events.jupyter.org/jupyter_mcp/security/v1"
FEW = 10
"""Events that are told before the event loop gets its turn."""

_FILES = {CALL_SCHEMA: "call.yaml", SECURITY_SCHEMA: "security.yaml"}


class AuditEvents:
    """Tells records on.

    Args:
        logger: Jupyter's event logger (`jupyter_events.EventLogger`).
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def register(self) -> None:
        """Make our schemas known; a second time does nothing."""
        for schema, file in _FILES.items():
            if schema not in self._logger.schemas:
                self._logger.register_event_schema(Path(__file__).parent / "schemas" / file)

    async def tell(self, records: Sequence[Prepared]) -> None:
        """Emit an event for each record that somebody listens to."""
        listened = {schema for schema in _FILES if self._has_listeners(schema)}
        if not listened:
            return
        for number, record in enumerate(records):
            schema = CALL_SCHEMA if record.columns["kind"] == CALL else SECURITY_SCHEMA
            if schema in listened:
                self._emit(schema, record)
            if number % FEW == FEW - 1:
                await asyncio.sleep(0)

    def _emit(self, schema: str, record: Prepared) -> None:
        at = datetime.fromtimestamp(record.columns["at"], UTC).replace(tzinfo=None)
        data = json.loads(record.text)
        data.pop("unreadable", None)
        self._logger.emit(schema_id=schema, data=data, timestamp_override=at)

    def _has_listeners(self, schema: str) -> bool:
        """Look where `EventLogger.emit` itself looks before it does anything."""
        logger = self._logger
        if logger.handlers:
            return True
        kinds = (logger._modified_listeners, logger._unmodified_listeners)  # noqa: SLF001 - no public way
        return any(listeners.get(schema) for listeners in kinds)
