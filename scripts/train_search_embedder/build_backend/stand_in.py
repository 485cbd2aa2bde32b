"""Tells pip the metadata that lie in a source archive, so that none of its code is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Any = None) -> str:  # noqa: ARG001
    """Write what ``PKG-INFO`` says, as a build backend would."""
    told = Path("PKG-INFO").read_text(encoding="utf-8", errors="replace")
    name, version = (_field(each, told) for each in ("Name", "Version"))
    folder = Path(metadata_directory, f"{name.replace('-', '_')}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(told, encoding="utf-8")
    return folder.name


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:  # noqa: ARG001
    """Return what building needs: nothing, since nothing is built."""
    return []


def build_wheel(*told: Any, **more: Any) -> str:  # noqa: ARG001
    """Refuse."""
    raise RuntimeError("archives are only downloaded")


def _field(name: str, told: str) -> str:
    found = re.search(rf"(?m)^{name}: *(.+)$", told)
    return found[1].strip() if found else ""
