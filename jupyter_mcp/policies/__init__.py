"""The doors of the corridor, one file each.

In their order: record (around everything), visible, validate, authorize, deadline. The doors that
come with trust (approve, limit, cache, breaker) stand between authorize and deadline.
"""

from jupyter_mcp.policies.authorize import authorize
from jupyter_mcp.policies.deadline import Deadline
from jupyter_mcp.policies.record import CallLog
from jupyter_mcp.policies.validate import validate

__all__ = ["CallLog", "Deadline", "authorize", "validate"]
