"""What anybody may read: where to get a token, and icons."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_mcp.server.challenge import FIRST_SCOPE, server_url
from jupyter_mcp.server.handler import DoorHandler
from jupyter_mcp.server.refusal import Refused

ICONS = Path(__file__).parent / "icons"
DEFAULT_ICON = "toolset"


class PublicHandler(DoorHandler):
    """Checks the Host all the same: a public answer still names this server."""

    def _is_welcome(self) -> bool:
        try:
            self.door.check_host(self)
        except Refused as refused:
            self.refuse(refused)
            return False
        self.set_header("Access-Control-Allow-Origin", "*")
        return True


class MetadataHandler(PublicHandler):
    """The metadata of a protected resource (RFC 9728).

    No authorization server is named: a client would start a login that this server cannot end. A
    token is what it takes. Of the scopes it names the one to start with: a refusal names the one
    that is missing.
    """

    @allow_unauthenticated  # it tells an unauthenticated client what it needs
    def get(self) -> None:
        """Answer the document."""
        if not self._is_welcome():
            return
        document = {
            "resource": f"{server_url(self)}mcp",
            "resource_name": "Jupyter",
            "bearer_methods_supported": ["header"],
            "scopes_supported": [FIRST_SCOPE],
        }
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(document))


class IconHandler(PublicHandler):
    """Icons of toolsets and tools; clients fetch them without credentials."""

    @allow_unauthenticated  # an icon is no secret, and clients ask for it without credentials
    def get(self, name: str) -> None:
        """Answer the icon `name`, or the one of a toolset without its own."""
        if not self._is_welcome():
            return
        icon = ICONS / f"{name}.svg"
        if not icon.is_file():
            icon = ICONS / f"{DEFAULT_ICON}.svg"
        self.set_status(HTTPStatus.OK)
        self.set_header("Content-Type", "image/svg+xml")
        self.set_header("Cache-Control", "public, max-age=86400")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.finish(icon.read_bytes())
