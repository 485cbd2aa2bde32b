"""What one toolset hands to another: places with files and commands, ports, notebooks, cells, jobs.

Toolsets do not know each other; what they share stands here, and it stands on nothing but errors.
"""

from jupyter_mcp.workplace.cells import ID_MINOR, addresses
from jupyter_mcp.workplace.jobs import ACTIVE, LEFT_WORK, JobQuery, JobRecord, JobSource, JobStatus
from jupyter_mcp.workplace.places import (
    Connection,
    Entry,
    Finished,
    Found,
    Kind,
    LiveNotebooks,
    Match,
    Place,
    Places,
    Search,
    WebPorts,
)

__all__ = [
    "ACTIVE",
    "ID_MINOR",
    "LEFT_WORK",
    "Connection",
    "Entry",
    "Finished",
    "Found",
    "JobQuery",
    "JobRecord",
    "JobSource",
    "JobStatus",
    "Kind",
    "LiveNotebooks",
    "Match",
    "Place",
    "Places",
    "Search",
    "WebPorts",
    "addresses",
]
