"""Labels that tell all promises of a sandbox, on its container and on the volume with its files.

Labels cannot be changed later, and a member of the pool gets its owner later; so what a claim
changes stands in the container's name, which the engine changes in an instant (4 ms).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.spec import Limits, Mount, SandboxSpec

LABEL = "jupyter-mcp."
CLAIMED: Mapping[str, Any] = {
    "owner": str,
    "name": str,
    "created": float,
    "expires": float,
    "timeout": float,
    "has_network": bool,
    "is_member": bool,
}
"""What a claim changes."""


def labels_of(spec: SandboxSpec) -> dict[str, str]:
    """Return labels from which `handle_of` makes the specification again."""
    labels = {
        "id": spec.id,
        "owner": spec.owner,
        "name": spec.name,
        "namespace": spec.namespace,
        "created": repr(spec.created),
        "expires": repr(spec.expires),
        "image": spec.image,
        "pool": "member" if spec.is_member else "",
        "limits": json.dumps(asdict(spec.limits)),
        "mounts": json.dumps([asdict(mount) for mount in spec.mounts]),
        "timeout": repr(spec.timeout),
        "network": "allowed" if spec.has_network else "",
    }
    return {LABEL + key: value for key, value in labels.items()}


def name_of(sandbox: str) -> str:
    """Return the name of a container that carries nothing but its labels."""
    return f"jupyter-mcp-{sandbox}"


def claimed_name(spec: SandboxSpec) -> str:
    """Return a name that carries what a claim changes; engines allow ``[a-zA-Z0-9_.-]``."""
    text = json.dumps({key: getattr(spec, key) for key in CLAIMED})
    return f"{name_of(spec.id)}.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"


def handle_of(container: Mapping[str, Any]) -> Handle | None:
    """Return the sandbox of an entry in the engine's list; None for what is not one of ours."""
    try:
        labels = {k.removeprefix(LABEL): v for k, v in container["Labels"].items()}
        spec = _claimed(spec_of(labels), container.get("Names") or [])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Handle(
        spec,
        str(container["Id"]),
        is_paused=container.get("State") == "paused",
        image_digest=str(container.get("ImageID", "")),
    )


def spec_of(labels: Mapping[str, str]) -> SandboxSpec:
    """Return the specification that labels tell, their prefix left out.

    Raises:
        KeyError, TypeError, ValueError: When they are none of ours.
    """
    return SandboxSpec(
        id=labels["id"],
        owner=labels["owner"],
        namespace=labels["namespace"],
        expires=float(labels["expires"]),
        created=float(labels["created"]),
        name=labels["name"],
        image=labels["image"],
        limits=Limits(**json.loads(labels["limits"])),
        mounts=tuple(Mount(**mount) for mount in json.loads(labels["mounts"])),
        is_member=labels["pool"] == "member",
        timeout=float(labels["timeout"]),
        has_network=labels["network"] == "allowed",
    )


def _claimed(spec: SandboxSpec, names: list[str]) -> SandboxSpec:
    prefix = f"{name_of(spec.id)}."
    for name in names:
        text = name.removeprefix("/").removeprefix(prefix)
        if text == name.removeprefix("/"):
            continue
        padded = text + "=" * (-len(text) % 4)
        said = json.loads(base64.urlsafe_b64decode(padded))
        return replace(spec, **{key: kind(said[key]) for key, kind in CLAIMED.items()})
    return spec
