"""A principal as the database keeps it, for what goes on after its request: tokens and workflows.

When a credential ended is not kept: whoever acts for somebody later asks again whether they may
still.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.security.principal import Principal


def to_json(principal: Principal) -> dict[str, Any]:
    """Return a principal as JSON data; it holds no credential."""
    return {
        "id": principal.id,
        "name": principal.name,
        "scopes": sorted(principal.scopes),
        "credential": principal.credential,
        "kind": principal.kind,
        "groups": list(principal.groups),
        "roles": list(principal.roles),
        "token": principal.token,
        "maker": to_json(principal.maker) if principal.maker else None,
        "toolsets": None if principal.toolsets is None else sorted(principal.toolsets),
        "notebooks": list(principal.notebooks),
        "is_workflow": principal.is_workflow,
    }


def from_json(kept: Mapping[str, Any]) -> Principal:
    """Return the principal behind what `to_json` returned."""
    return Principal(
        id=kept["id"],
        name=kept["name"],
        scopes=frozenset(kept["scopes"]),
        credential=kept["credential"],
        kind=kept["kind"],
        groups=tuple(kept["groups"]),
        roles=tuple(kept["roles"]),
        token=kept["token"],
        maker=from_json(kept["maker"]) if kept["maker"] else None,
        toolsets=None if kept["toolsets"] is None else frozenset(kept["toolsets"]),
        notebooks=tuple(kept["notebooks"]),
        is_workflow=bool(kept.get("is_workflow")),  # older records have none
    )
