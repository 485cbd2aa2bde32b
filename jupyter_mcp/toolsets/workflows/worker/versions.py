"""Versions of the package: a server may have been updated and its worker live on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "jupyter-mcp-workbench"


def own_version() -> str:
    """Return the version that is installed; empty when none is."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:  # it runs from its sources
        return ""


def is_older(one: str, other: str) -> bool:
    """Whether one version came before another; what is no version came before nothing."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return False
