"""``jupyter mcp doctor``: checks the installation, one line each, and says how to mend it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

from jupyter_mcp.commands.checks import Check
from jupyter_mcp.commands.command import ServerCommand

_COLORS = {"ok": "32", "warn": "33", "fail": "31"}


class DoctorApp(ServerCommand):
    """Check versions, extension, server, endpoint, token and optional parts."""

    name = "jupyter-mcp-doctor"
    description = __doc__ or ""
    examples = "jupyter mcp doctor\njupyter mcp doctor --json"

    async def run(self) -> int:
        """Check; 1 when anything failed."""
        found: list[Check] = []
        async for check in self._checks():
            found.append(check)
            if not self.as_json:
                self._print(check)
        failures = sum(check.status == "fail" for check in found)
        if self.as_json:
            self.out_json({"ok": not failures, "checks": [check.to_json() for check in found]})
        elif failures:
            self.out(f"\n{failures} of {len(found)} checks failed.")
        return 1 if failures else 0

    async def _checks(self) -> AsyncIterator[Check]:
        from jupyter_mcp.commands import (
            checks_jupyter,
            checks_packages,
            checks_server,
            checks_workflows,
        )

        yield checks_packages.python()
        yield checks_packages.strangers()
        for check in checks_packages.requirements():
            yield check
        for check in checks_packages.plugins():
            yield check
        yield checks_packages.sqlite()
        yield checks_workflows.workflows()
        yield checks_jupyter.extension()
        yield checks_jupyter.panel()
        yield checks_jupyter.kernels()
        yield checks_jupyter.state()
        async for check in checks_server.server(self.find()):
            yield check

    def _print(self, check: Check) -> None:
        word = f"{check.status:<5}"
        if sys.stdout.isatty():
            word = f"\033[{_COLORS[check.status]}m{word}\033[0m"
        self.out(f"{word}{check.name:<20} {check.message}")
        if check.remedy:
            self.out(f"     {'':<20} → {check.remedy}")
