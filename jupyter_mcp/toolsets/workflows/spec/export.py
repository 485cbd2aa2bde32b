"""A spec as text, and its hash."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from jupyter_mcp.toolsets.workflows.spec.models import Spec

_BREAKS = frozenset("\r\x85\u2028\u2029\ufeff")
"""Ends of lines other than the usual one; YAML would read them as that."""


def to_yaml(spec: Spec) -> str:
    """Return a spec as YAML that reads back as the same; nodes and arguments keep their order."""
    return data_to_yaml(spec.to_dict())


def data_to_yaml(data: Any) -> str:
    """Return JSON data as YAML, several lines of text as a block."""
    import yaml

    text: str = yaml.dump(
        data, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=100, indent=2
    )
    return text


def to_json(spec: Spec) -> str:
    """Return a spec as JSON for people."""
    return json.dumps(spec.to_dict(), indent=2, ensure_ascii=False) + "\n"


def digest(spec: Spec) -> str:
    """Return the hash of a spec: the same for specs that say the same (SHA-256, hexadecimal)."""
    canonical = json.dumps(
        spec.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


@lru_cache(maxsize=1)
def _dumper() -> Any:
    """Return a dumper that quotes what either version of YAML would take for something else."""
    import yaml

    from jupyter_mcp.toolsets.workflows.spec import texts

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as blocks, and no aliases."""

        def ignore_aliases(self, _data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            del indentless
            super().increase_indent(flow, indentless=False)

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        if _BREAKS & set(value):
            style = '"'  # only there are they escaped
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    for pattern in (texts.NULL, texts.TRUTH, texts.INT, texts.FLOAT, texts.NO_NUMBER):
        whole = texts.whole(pattern)
        Dumper.add_implicit_resolver("tag:yaml.org,2002:core", whole, None)
    return Dumper
