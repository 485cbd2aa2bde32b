"""The database: one engine, its tables and their migrations."""

from jupyter_mcp.storage.engine import Storage

__all__ = ["Storage"]
