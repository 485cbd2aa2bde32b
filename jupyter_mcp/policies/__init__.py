"""The doors of the corridor, one file each.

In their order: record (around everything), visible, pause, validate, authorize, approve, limit,
idempotency, cache, breaker, deadline, retry. The time that a person takes to approve, and that a
call waits for its turn, does not count against its deadline.
"""

from jupyter_mcp.policies.approve import Approve
from jupyter_mcp.policies.audit import Audit
from jupyter_mcp.policies.authorize import Authorize
from jupyter_mcp.policies.deadline import Deadline
from jupyter_mcp.policies.pause import Pause
from jupyter_mcp.policies.record import CallLog
from jupyter_mcp.policies.redact import Redact
from jupyter_mcp.policies.traffic import Traffic
from jupyter_mcp.policies.validate import validate

__all__ = [
    "Approve",
    "Audit",
    "Authorize",
    "CallLog",
    "Deadline",
    "Pause",
    "Redact",
    "Traffic",
    "validate",
]
