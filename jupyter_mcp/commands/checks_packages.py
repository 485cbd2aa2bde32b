"""The doctor on packages: versions and their bounds, strangers that own our name, plugins."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jupyter_mcp.commands.checks import Check, fail, ok, warn

DISTRIBUTION = "jupyter-mcp-workbench"
IMPORT_NAME = "jupyter_mcp"
OLDEST_PYTHON = (3, 11)

EXTRAS = {
    "lab": "JupyterLab itself, with Python kernels",
    "collaboration": "edits show up live in a notebook that a person has open",
}
"""The optional parts and what each is good for."""

GROUP = "jupyter_mcp.toolsets"


def python() -> Check:
    """Check the version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= OLDEST_PYTHON:
        return ok("python", f"Python {found}")
    return fail("python", f"Python {found} is too old", "Use Python 3.11 or newer.")


def requirements() -> Iterator[Check]:
    """Check what we require against what is installed."""
    try:
        wanted = [Requirement(line) for line in distribution(DISTRIBUTION).requires or ()]
    except PackageNotFoundError:
        yield fail(
            "package",
            f"{DISTRIBUTION} is not installed, yet its code is there",
            f"pip install {DISTRIBUTION}",
        )
        return
    yield ok("package", f"{DISTRIBUTION} {distribution(DISTRIBUTION).version}")
    yield from _needed(wanted)
    for extra, good_for in EXTRAS.items():
        yield _extra(extra, good_for, wanted)


def strangers(found: Iterable[Distribution] | None = None) -> Check:
    """Look for another distribution that owns our import name.

    An unrelated 0.0.1 on PyPI is called ``jupyter_mcp``; whichever was installed last wins.
    """
    for dist in distributions() if found is None else found:
        name = canonicalize_name(dist.metadata["Name"] or "")
        if name != DISTRIBUTION and _owns_our_name(dist, name):
            return fail(
                "import name",
                f"{dist.metadata['Name']} {dist.version} also owns the import name {IMPORT_NAME}",
                f"pip uninstall {name}; pip install --force-reinstall --no-deps {DISTRIBUTION}",
            )
    return ok("import name", f"{IMPORT_NAME} is ours alone")


def plugins() -> Iterator[Check]:
    """Load every toolset that an installed package offers."""
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        package = point.dist.name if point.dist else "?"
        try:
            point.load()
        except Exception as error:  # noqa: BLE001 - whatever a foreign plugin raises is a finding
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            yield fail(
                f"toolset {point.name}",
                f"{package}'s cannot be loaded: {reason}",
                f"pip install --upgrade {package}, or pip uninstall {package}.",
            )
        else:
            yield ok(f"toolset {point.name}", f"of {package}")


def sqlite() -> Check:
    """Tell the SQLite that Python was built with; whether workflows can use it is another line."""
    return ok("sqlite", f"SQLite {sqlite3.sqlite_version}")


def _needed(wanted: list[Requirement]) -> Iterator[Check]:
    needed = [req for req in wanted if req.marker is None or req.marker.evaluate({"extra": ""})]
    bad = [(req, trouble) for req in needed if (trouble := _trouble(req))]
    for requirement, trouble in bad:
        yield fail("requirement", trouble, f"pip install '{_plain(requirement)}'")
    if not bad:
        yield ok("requirements", f"all {len(needed)} are installed in versions that fit")


def _extra(extra: str, good_for: str, wanted: list[Requirement]) -> Check:
    mine = [r for r in wanted if r.marker is not None and not r.marker.evaluate({"extra": ""})]
    mine = [
        r
        for r in mine
        if r.marker is not None
        and r.marker.evaluate({"extra": extra})
        and canonicalize_name(r.name) != DISTRIBUTION
    ]
    troubles = [trouble for requirement in mine if (trouble := _trouble(requirement))]
    if not troubles:
        return ok(f"extra {extra}", good_for)
    return warn(
        f"extra {extra}",
        f"{'; '.join(troubles)} (optional: {good_for})",
        f"pip install '{DISTRIBUTION}[{extra}]'",
    )


def _trouble(requirement: Requirement) -> str:
    try:
        found = distribution(requirement.name).version
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} {found} does not fit {requirement.specifier}"


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _owns_our_name(dist: Distribution, name: str) -> bool:
    if name == canonicalize_name(IMPORT_NAME):
        return True
    return any(file.parts[:1] == (IMPORT_NAME,) for file in dist.files or ())
