"""``jupyter mcp audit``: who did what, whether nobody changed the record of it, and its export."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, Integer, Unicode

from jupyter_mcp.commands.admin import AdminClient, AdminCommand
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.display import Table
from jupyter_mcp.security.moments import in_local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 500
"""Records that are asked for at once while exporting."""
_HEAD = ("number", "time", "kind", "who", "client", "what", "outcome", "error")


class AuditApp(AdminCommand):
    """Show records of the audit, verify its hash chain (--verify) or export it (--export)."""

    name = "jupyter-mcp-audit"
    description = __doc__ or ""
    examples = (
        "jupyter mcp audit --since 1d --outcome denied\n"
        "jupyter mcp audit --verify\n"
        "jupyter mcp audit --export audit.jsonl --since 2026-11-01"
    )
    verify = Bool(default_value=False, help="Follow the hash chain; exit code 1 if it broke.").tag(
        config=True
    )
    query = Unicode("", help="Text that occurs in the record.").tag(config=True)
    since = Unicode("", help="How long ago (1d), a date, or a Unix time.").tag(config=True)
    until = Unicode("", help="Likewise, the end.").tag(config=True)
    principal = Unicode("", help="The caller's id or name.").tag(config=True)
    tool = Unicode("", help="The tool.").tag(config=True)
    outcome = Enum(
        ("", "succeeded", "failed", "denied", "cancelled"), "", help="How the call ended."
    ).tag(config=True)
    kind = Unicode("", help="'call', or what else happened, such as login_failed.").tag(config=True)
    limit = Integer(50, min=1, max=PAGE, help="Records to show, the newest first.").tag(config=True)
    export = Unicode(
        "", help="A file for all records as JSON lines, the oldest first; - for stdout"
    )
    export.tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.aliases,
        **{
            name: f"AuditApp.{name}"
            for name in (
                "query",
                "since",
                "until",
                "principal",
                "tool",
                "outcome",
                "kind",
                "limit",
                "export",
            )
        },
    }
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.flags,
        "verify": ({"AuditApp": {"verify": True}}, "Follow the hash chain."),
    }

    async def run(self) -> int:
        """Show, verify or export."""
        async with self.admin() as client:
            if self.verify:
                return await self._verify(client)
            if self.export:
                return await self._export(client)
            return await self._show(client)

    async def _verify(self, client: AdminClient) -> int:
        result = await client.call("audit_verify")
        verdict = dict(result.structured or {})
        self.show(verdict, result.text)
        return 0 if verdict["ok"] else 1

    async def _show(self, client: AdminClient) -> int:
        page = await client.ask("audit_search", **self._filter(), limit=self.limit)
        if self.as_json:
            self.out_json(page)
        else:
            shown = Table([_row(record) for record in page["records"]], _HEAD).to_text()
            self.out(shown if page["records"] else "No record fits.")
        if page["failing"]:
            self.tell(f"The audit cannot be written now: {page['failing']}.")
        return 0

    async def _export(self, client: AdminClient) -> int:
        count = 0
        with _sink(self.export) as write:
            async for record in self._all(client):
                write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
                count += 1
        self.tell(f"{count} records.")
        return 0

    async def _all(self, client: AdminClient) -> AsyncIterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = await client.ask(
                "audit_search", **self._filter(), limit=PAGE, order="oldest", cursor=cursor
            )
            for record in page["records"]:
                yield record
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _filter(self) -> dict[str, Any]:
        names = ("query", "since", "until", "principal", "tool", "outcome", "kind")
        return {name: getattr(self, name) or None for name in names}


def _row(record: dict[str, Any]) -> list[str]:
    who, what = record.get("principal", ""), record.get("operation", "")
    return [
        str(record["id"]),
        in_local_time(record["at"]),
        record["kind"],
        who.get("name", "") if isinstance(who, dict) else who,
        record.get("client", ""),
        what.get("name", "") if isinstance(what, dict) else what,
        record.get("outcome", ""),
        record.get("error", ""),
    ]


@contextmanager
def _sink(place: str) -> Iterator[Callable[[str], Any]]:
    """Yield what writes to a file that only its owner may read, or to stdout."""
    if place == "-":
        yield sys.stdout.write
        sys.stdout.flush()
        return
    try:
        file = Path(place)
        file.touch(mode=0o600)
        with file.open("w", encoding="utf-8") as opened:
            yield opened.write
    except OSError as error:
        raise ToolError(
            "unavailable",
            f"'{place}' cannot be written: {error.strerror}.",
            "Name another file, or - for stdout.",
        ) from error
