"""One MCP request as our operations see it, whichever transport and era it came through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.security.tokens.acting import run_of

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""The severities of RFC 5424, lowest first."""

TASKS = "io.modelcontextprotocol/tasks"
"""The identifier of the extension for calls that take long (SEP-2663)."""

Notify = Callable[[str, dict[str, Any]], Awaitable[None]]
Ask = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


async def _nowhere(method: str, params: dict[str, Any]) -> None:
    del method, params


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, what the client can do, and the way back to it.

    Args:
        caller: Who asks.
        capabilities: The client's capabilities, as it declared them.
        client: The client's own name and version.
        meta: The request's ``_meta``.
        notify: Sends a notification on this request's stream.
        ask: Sends a request to the client and returns its result; None where the protocol has no
            such thing (2026-07-28), so that questions go by multi-round-trip results.
        log_level: The lowest severity that the client wants to see; None for no log at all.
    """

    caller: Caller
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    client: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    notify: Notify = _nowhere
    ask: Ask | None = None
    log_level: str | None = None

    @property
    def is_modern(self) -> bool:
        """Whether questions are asked by multi-round-trip results."""
        return self.ask is None

    @property
    def knows_tasks(self) -> bool:
        """Whether the client says that it can be given a task."""
        extensions = self.capabilities.get("extensions")
        return self.is_modern and isinstance(extensions, Mapping) and TASKS in extensions

    def wants(self, level: str) -> bool:
        """Whether the client wants log lines of `level`."""
        return self.log_level in LEVELS and LEVELS.index(level) >= LEVELS.index(self.log_level)


def client_name(info: Any) -> str:
    """Return the name of a client from its ``clientInfo``, bounded, empty when it gave none."""
    if not isinstance(info, Mapping):
        return ""
    return " ".join(str(info[key]) for key in ("name", "version") if info.get(key))[:100]


def workflow_name(meta: Mapping[str, Any]) -> str:
    """Return what a workflow is called among clients: it has its owner's name in all else."""
    return f"workflow {run_of(meta)}"[:100].rstrip()
