"""All routes of ours, in one table that a test walks.

For each: which methods, what Jupyter's authorizer is asked for each, and which pages may call.
"""

from __future__ import annotations

from jupyter_mcp.server.api import OpenApiHandler, ToolsHandler
from jupyter_mcp.server.api_calls import CallHandler, CancelHandler, ToolHandler
from jupyter_mcp.server.api_status import StatusHandler
from jupyter_mcp.server.challenge import METADATA_PATH
from jupyter_mcp.server.mcp import McpHandler, McpSocketHandler
from jupyter_mcp.server.panel import PanelHandler
from jupyter_mcp.server.ports import METHODS, KeyedPortHandler, PortHandler
from jupyter_mcp.server.public import IconHandler, MetadataHandler
from jupyter_mcp.server.route import Route
from jupyter_mcp.server.token_refresh import RefreshHandler
from jupyter_mcp.server.worker_token import WorkerTokenHandler

_API = r"/jupyter_mcp/api"
_PORTS = r"/jupyter_mcp/sandboxes/([^/]+)/ports/(\d{1,5})"

ROUTES = (
    # Whether a request may also execute is asked when it turns out to be a call.
    Route("/mcp", McpHandler, {"POST": "read", "GET": "read", "DELETE": "read"}, origins="mcp"),
    Route("/mcp/ws", McpSocketHandler, {"GET": "read"}, origins="mcp", is_socket=True),
    # No identity: the key from the state folder is the credential.
    Route("/mcp/worker/token", WorkerTokenHandler, public=("POST",)),
    Route(f"{_API}/tools", ToolsHandler, {"GET": "read"}, origins="api"),
    Route(rf"{_API}/tools/([^/]+)", ToolHandler, {"POST": "execute"}, origins="api"),
    Route(rf"{_API}/calls/([^/]+)", CallHandler, {"GET": "read"}, origins="api"),
    Route(rf"{_API}/calls/([^/]+)/cancel", CancelHandler, {"POST": "execute"}, origins="api"),
    Route(f"{_API}/status", StatusHandler, {"GET": "read"}, origins="api"),
    Route(rf"{_API}/openapi\.json", OpenApiHandler, {"GET": "read"}, origins="api"),
    # No identity: the refresh token in the body is the credential.
    Route(f"{_API}/token/refresh", RefreshHandler, public=("POST",), origins="api"),
    # No identity: the key in the address is the credential, of a page that has no other.
    Route(rf"{_PORTS}/~([\w-]{{32}})(/.*)?", KeyedPortHandler, public=METHODS),
    Route(rf"{_PORTS}(/.*)?", PortHandler, dict.fromkeys(METHODS, "execute")),
    Route("/jupyter_mcp/panel", PanelHandler, {"GET": "execute"}, is_socket=True),
    Route(
        rf"/{METADATA_PATH.replace('.', chr(92) + '.')}",
        MetadataHandler,
        public=("GET",),
        origins="mcp",
    ),
    Route(r"/mcp/([\w-]+)\.svg", IconHandler, public=("GET",), origins="mcp"),
)
