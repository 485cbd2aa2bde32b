"""What a client is told who gets no further, and where it can read what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

FIRST_SCOPE = "read"
"""The scope that a client starts with (MCP: security best practices, scope minimization)."""

METADATA_PATH = ".well-known/oauth-protected-resource/mcp"
"""Where the metadata of RFC 9728 lies below the base URL: a proxy may own the host's root."""

INVALID = 'error="invalid_token"'
"""What RFC 6750 has a challenge say of a token that was shown and is not good."""


def challenge(handler: JupyterHandler, scope: str = "") -> str:
    """Return what a client is told who gets no further with what it showed (RFC 6750, section 3).

    Args:
        handler: Where it asked.
        scope: The one scope that it needs; nobody is told to ask for all.
    """
    needed = f', scope="{scope}"' if scope else ""
    return f'Bearer resource_metadata="{metadata_url(handler)}"{needed}'


def server_url(handler: JupyterHandler) -> str:
    """Return this server's base URL as the client reached it, with a slash at the end."""
    request = handler.request
    return f"{request.protocol}://{request.host}{handler.base_url}"


def metadata_url(handler: JupyterHandler) -> str:
    """Return the address of the metadata of RFC 9728."""
    return server_url(handler) + METADATA_PATH
