"""The JSON Schema of a spec, as it is published for editors and other programs."""

from __future__ import annotations

from typing import Any

from jupyter_mcp.toolsets.workflows.spec.models import Spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a spec, made from the models."""
    made = Spec.model_json_schema(by_alias=True, mode="validation")
    definitions = {name: _plain(each) for name, each in sorted(made.pop("$defs").items())}
    spec = definitions.pop("Spec", None) or _plain(made)
    definitions["Spec"] = spec
    return {
        "$schema": DIALECT,
        "title": "A workflow of jupyter_mcp",
        "$ref": "#/$defs/Spec",
        "$defs": dict(sorted(definitions.items())),
    }


def _plain(node: Any) -> Any:
    """Return a schema without titles and other vocabularies, its texts in one line."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key == "discriminator" or (key == "title" and isinstance(value, str)):
            continue
        if key in {"properties", "$defs"}:
            found[key] = {name: _plain(each) for name, each in value.items()}
        elif key == "description":
            found[key] = " ".join(str(value).replace("``", "`").split())
        else:
            found[key] = _plain(value)
    return found
