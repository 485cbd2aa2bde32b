"""Schemas of events that pages listen to.

A page's listener hears only what was known when it connected (jupyter_events 0.12,
`EventLogger.add_listener`), and pages connect before the first request starts the runtime. So these
are registered with the extension. Of the toolset only its file is read here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_TOOLSETS = Path(__file__).parent.parent / "toolsets"

FOR_PAGES = {
    "https://events.jupyter.org/jupyter_mcp/workflow_notification/v1": _TOOLSETS
    / "workflows/schemas/notification.yaml"
}
"""The schemas and their files."""


def register(logger: Any) -> None:
    """Make the schemas known to Jupyter's event logger; a second time does nothing."""
    for schema, file in FOR_PAGES.items():
        if schema not in logger.schemas:
            logger.register_event_schema(file)
