"""MCP on the wire: the only room that knows the server side of the MCP SDK.

Import `jupyter_mcp.protocol.endpoint` at the first request, in a thread: the SDK is heavy.
"""
