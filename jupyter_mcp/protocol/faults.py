"""From our errors to JSON-RPC errors, and the one shape in which the wire carries them."""

from __future__ import annotations

import json
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
)

from jupyter_mcp.errors import ToolError

MISSING_CAPABILITIES = "requiredCapabilities"
"""The key of a `ToolError`'s data that names client capabilities a call cannot do without."""

_CODES = {
    "invalid_arguments": INVALID_PARAMS,
    "not_found": INVALID_PARAMS,
    "internal": INTERNAL_ERROR,
}


def fault(error: ToolError, **data: Any) -> MCPError:
    """Return the JSON-RPC error for a failure that has no result to carry it.

    Args:
        error: What went wrong.
        data: More that the error's data should say, such as the URI that was not found.
    """
    if MISSING_CAPABILITIES in error.data:
        return MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, str(error), dict(error.data))
    code = _CODES.get(error.code, INVALID_REQUEST)
    return MCPError(code, str(error), {**error.to_json(), **data})


def error_body(code: int, message: str, data: Any = None, request_id: Any = None) -> bytes:
    """Return a JSON-RPC error response."""
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode()
