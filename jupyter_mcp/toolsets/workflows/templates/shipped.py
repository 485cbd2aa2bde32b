"""The library of templates that comes with the package: the YAML files beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from jupyter_mcp.toolsets.workflows.spec import export
from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from jupyter_mcp.toolsets.workflows.templates.template import Template


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Template]:
    """Return the shipped templates by ``name@version``."""
    folder = files(__package__)
    texts = sorted((each.name, each.read_text("utf-8")) for each in folder.iterdir() if _is(each))
    found = [_template(text) for _, text in texts]
    return {each.title: each for each in found}


def _is(file: object) -> bool:
    return str(getattr(file, "name", "")).endswith(".yaml")


def _template(text: str) -> Template:
    spec = parse(text)
    return Template(spec.name, spec.version or "", spec.to_dict(), export.digest(spec))
