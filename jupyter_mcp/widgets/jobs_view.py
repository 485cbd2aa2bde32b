"""Jobs in a notebook, live: how far they are, what they have told, and how to end them."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.widgets.background import Caller
from jupyter_mcp.widgets.live_view import STATIC, LiveView

ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""The states that a job does not leave."""


class Table(Protocol):
    """Jobs as rows, for where no widgets are."""

    def to_text(self) -> str:
        """Return the table for a terminal."""
        ...

    def to_html(self) -> str:
        """Return the table for a page."""
        ...


class JobsView(LiveView):
    """The latest jobs, as a widget.

    Args:
        client: Calls the tools.
        limit: How many there are at most.
        table: Makes a table of jobs.
    """

    _esm = STATIC / "jobs-view.js"
    _css = STATIC / "jobs-view.css"

    def __init__(
        self,
        client: Caller,
        limit: int,
        table: Callable[[Sequence[Mapping[str, Any]]], Table],
    ) -> None:
        self._limit = limit
        self._table = table
        self._jobs: Sequence[Mapping[str, Any]] = ()
        self._looked: dict[str, Any] = {}
        super().__init__(client, "jobs")

    def __repr__(self) -> str:
        return self._table(self._jobs).to_text()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        made = super()._repr_mimebundle_(**options)
        if made is None:
            return None
        bundle, metadata = made
        note = f"<div>It is as of {html.escape(self._heard)}.</div>"
        return {**bundle, "text/html": self._table(self._jobs).to_html() + note}, metadata

    def _message(self) -> dict[str, Any]:
        jobs = self._client.call("job_list", limit=self._limit).structured["jobs"]
        self._jobs = jobs
        active = sum(job["status"] not in ENDED for job in jobs)
        self.status = f"jobs: {active} of {len(jobs)} go on"
        opened = self._looked_at(self._opened) if self._opened else None
        return {"kind": "jobs", "jobs": jobs, "opened": opened}

    def _looked_at(self, job_id: str) -> dict[str, Any]:
        """Return what a job has told, asks and gave, or that it is not kept any longer."""
        try:
            result = self._client.call("job_get", job_id=job_id)
        except ToolError as error:
            if error.code != "not_found" or self._looked.get("job_id") != job_id:
                raise
            return {**self._looked, "log": "", "told": str(error)}
        texts = [block["text"] for block in result.content[1:] if block["type"] == "text"]
        self._looked = {**result.structured, "told": "\n".join(texts)}
        return self._looked

    def _asked(self, tool: str, given: Mapping[str, Any]) -> Any:
        if tool != "job_cancel":
            raise ToolError("invalid_arguments", f"This view does not call '{tool}'.")
        return self._client.call(tool, job_id=str(given.get("job_id")))
