"""MCP from inside a notebook: the client, the ``%mcp`` magics and how they find their server."""
