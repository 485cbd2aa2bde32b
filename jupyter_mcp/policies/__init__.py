"""The doors of the corridor, one file each; `jupyter_mcp.runtime` puts them in their order.

Around everything stand those that record: audit, call log, redact. Then those that refuse: pause,
quarantine, authorize (what no arguments allow), validate, authorize, taint, approve. Then those
that keep the server well: limit, idempotency, cache, breaker, deadline, retry. The time that a
person takes to approve, and that a call waits for its turn, does not count against its deadline.
"""

from jupyter_mcp.policies.approve import Approve
from jupyter_mcp.policies.audit import Audit
from jupyter_mcp.policies.authorize import Authorize
from jupyter_mcp.policies.call_log import CallLog
from jupyter_mcp.policies.deadline import Deadline
from jupyter_mcp.policies.pause import Pause
from jupyter_mcp.policies.quarantine import Quarantine
from jupyter_mcp.policies.redact import Redact
from jupyter_mcp.policies.taint import Taint
from jupyter_mcp.policies.traffic import Traffic
from jupyter_mcp.policies.validate import validate

__all__ = [
    "Approve",
    "Audit",
    "Authorize",
    "CallLog",
    "Deadline",
    "Pause",
    "Quarantine",
    "Redact",
    "Taint",
    "Traffic",
    "validate",
]
