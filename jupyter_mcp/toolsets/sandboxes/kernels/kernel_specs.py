"""The entries of Jupyter's launcher for kernels in sandboxes.

Each is a folder with a `kernel.json` among the account's kernels, written when a sandbox gets its
first kernel and taken away with the sandbox; what a killed server left is swept at the next start.
It has no secret: it names the sandbox and the provisioner that starts kernels there.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

PROVISIONER = "jupyter-mcp-sandbox"
"""Our entry in the group ``jupyter_client.kernel_provisioners``."""
_PREFIX = "jupyter-mcp-"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class KernelSpecs:
    """Our kernels among those of the account; all methods block.

    Args:
        folder: Where the account's kernels are described (``user_kernel_dir``).
        namespace: Which servers the sandboxes belong to; others' entries are left alone.
    """

    def __init__(self, folder: Path, namespace: str) -> None:
        self._folder = folder
        self._namespace = namespace

    def write(self, sandbox_id: str, title: str) -> str:
        """Describe the kernel of a sandbox and return the name of the kernelspec."""
        name = _name(sandbox_id)
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / "kernel.json.new"
        temporary.write_text(json.dumps(self._spec(sandbox_id, title), indent=1), encoding="utf-8")
        temporary.replace(folder / "kernel.json")
        return name

    def remove(self, sandbox_id: str) -> None:
        """Take the description of a sandbox's kernel away, where there is one."""
        folder = self._folder / _name(sandbox_id)
        if not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, living: Collection[str]) -> list[str]:
        """Take away what belongs to sandboxes that are gone, and return their identifiers."""
        gone = [each for each in self._described() if each not in living]
        for sandbox_id in gone:
            self.remove(sandbox_id)
        return gone

    def _described(self) -> list[str]:
        found = []
        for file in self._folder.glob(f"{_PREFIX}*/kernel.json"):
            try:
                ours = json.loads(file.read_text(encoding="utf-8"))["metadata"]["jupyter_mcp"]
                if ours["namespace"] == self._namespace:
                    found.append(str(ours["sandbox_id"]))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return [each for each in found if _ID.fullmatch(each)]

    def _spec(self, sandbox_id: str, title: str) -> dict[str, Any]:
        return {
            "argv": ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": title,
            "language": "python",
            "interrupt_mode": "signal",
            "metadata": {
                "debugger": True,
                "jupyter_mcp": {"sandbox_id": sandbox_id, "namespace": self._namespace},
                "kernel_provisioner": {
                    "provisioner_name": PROVISIONER,
                    "config": {"sandbox_id": sandbox_id},
                },
            },
        }


def _name(sandbox_id: str) -> str:
    if not _ID.fullmatch(sandbox_id):
        raise ValueError(sandbox_id)
    return f"{_PREFIX}{sandbox_id}".lower()
