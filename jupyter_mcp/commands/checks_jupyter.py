"""The doctor on Jupyter: is the extension enabled, is the panel there, is there a kernel."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path, jupyter_path

from jupyter_mcp.commands.checks import Check, fail, ok, warn

EXTENSION = "jupyter_mcp"
PANEL = "jupyter-mcp-workbench"
CONFIG_NAMES = ("jupyter_server_config", "jupyter_config")


def extension() -> Check:
    """Check that Jupyter's configuration enables the server extension."""
    enabled, place = _enabled()
    if enabled is True:
        return ok("extension", f"enabled in {place}")
    said = f"disabled in {place}" if enabled is False else "not enabled in Jupyter's configuration"
    return fail("extension", said, f"jupyter server extension enable {EXTENSION}")


def panel() -> Check:
    """Check that the built panel for JupyterLab is installed."""
    for folder in jupyter_path("labextensions"):
        if (Path(folder) / PANEL / "package.json").is_file():
            return ok("panel", f"installed in {Path(folder) / PANEL}; Node.js is not needed")
    return warn(
        "panel",
        "the panel of JupyterLab is not built (everything else works without it)",
        "Install a release, whose panel is built, or run 'make' in a checkout.",
    )


def kernels() -> Check:
    """Check that there is a kernel to run code in."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = KernelSpecManager().get_all_specs()
    broken = sorted(name for name, spec in found.items() if not _starts(spec["spec"]["argv"]))
    working = sorted(set(found) - set(broken))
    if not working:
        return fail("kernels", "there is no kernel that can start", "pip install ipykernel")
    if broken:
        return warn(
            "kernels",
            f"{', '.join(broken)} names a program that is not there",
            f"jupyter kernelspec remove {' '.join(broken)}",
        )
    return ok("kernels", ", ".join(working))


def state() -> Check:
    """Check that state can be written."""
    from jupyter_core.paths import jupyter_data_dir

    folder = Path(jupyter_data_dir()) / "jupyter_mcp"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        return fail("state", f"{folder} cannot be written: {reason}", f"Make {folder} yours.")
    return ok("state", str(folder))


def _enabled() -> tuple[bool | None, str]:
    """Return what the configuration says, and where, in the order of jupyter_server.

    The ordinary files come first, whatever their folder; the ``.d`` folders, in which packages
    enable themselves, are asked for what those leave open.
    """
    folders = [Path(folder) for folder in jupyter_config_path()]
    files = [folder / f"{name}.json" for folder in folders for name in CONFIG_NAMES]
    dropped = [f for folder in folders for f in sorted(folder.glob("jupyter_server_config.d/*"))]
    for file in [*files, *dropped]:
        said = _read(file).get("ServerApp", {}).get("jpserver_extensions", {})
        if EXTENSION in said:
            return bool(said[EXTENSION]), str(file)
    return None, ""


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _starts(argv: list[str]) -> bool:
    return bool(argv) and shutil.which(argv[0]) is not None
