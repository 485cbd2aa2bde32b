"""``%mcp jobs``: what goes on in the background, in a table that keeps itself up to date.

    %mcp jobs                            those that go on, and the latest that have ended
    %mcp jobs --all                      more of them
    %mcp jobs JOB_ID                     one of them, with its log and its result
    %mcp jobs cancel JOB_ID              end it
    %mcp jobs answer JOB_ID ANSWER       answer what it asks; several fields by NAME=VALUE
    %mcp jobs decline JOB_ID             answer nothing

Whoever writes them is a person, so their calls are the person's where this machine knows them, and
then they see the jobs of their agents too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError

from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.failure import CallError
from jupyter_mcp.ipython.live_table import LiveTable
from jupyter_mcp.ipython.words import Word

SUBWORDS = ("cancel", "answer", "decline", "--all")
"""The words."""

USAGE = (
    "%mcp jobs [--all], %mcp jobs JOB_ID, %mcp jobs cancel JOB_ID, "
    "%mcp jobs answer JOB_ID ANSWER or %mcp jobs decline JOB_ID"
)

ACTIVE = frozenset({"pending", "running", "waiting", "paused"})
"""The states of a job that goes on."""

SHOWN, ALL = 10, 100
"""How many jobs the table has."""

TITLE = 80
"""Characters of a title or message that are shown."""


class JobWords:
    """The words after ``%mcp jobs``.

    Args:
        client: Returns the client that calls the tools.
        in_notebook: Tells whether what is shown can be updated in place.
    """

    def __init__(self, client: Callable[[], Any], in_notebook: Callable[[], bool]) -> None:
        self._client = client
        self._in_notebook = in_notebook
        self._live: LiveTable | None = None
        self._views: list[Any] = []

    def carry_out(self, words: list[Word]) -> Any:
        """Do what the words say and return what to show.

        Raises:
            UsageError: For words that nobody understands.
            ToolError: What the server refuses.
        """
        texts = [f"{each.key}={each.value}" if each.key else each.value for each in words]
        match texts:
            case []:
                return self._table(SHOWN)
            case ["--all"]:
                return self._table(ALL)
            case ["cancel", job_id]:
                return Table([], [], self._client().call("job_cancel", job_id=job_id).text)
            case ["decline", job_id]:
                return self._answer(job_id, None)
            case ["answer", job_id, _, *_]:
                return self._answer(job_id, words[2:])
            case [job_id] if not job_id.startswith("-") and job_id not in SUBWORDS:
                return job_details(self._client().call("job_get", job_id=job_id))
            case _:
                raise UsageError(f"Write {USAGE}.")

    def close(self) -> None:
        """Update no table any more."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        for view in self._views:
            view.close()
        self._views.clear()

    def _answer(self, job_id: str, words: list[Word] | None) -> Table:
        """Answer the question of a job, or decline it."""
        client = self._client()
        given: dict[str, Any] = {"job_id": job_id}
        if words is not None:
            asks = client.call_tool("job_get", {"job_id": job_id}).structured.get("asks") or {}
            given["answer"] = answer_of(words, asks)
        return Table([], [], client.call_tool("job_answer", given).text)

    def _table(self, limit: int) -> Any:
        """Return the table where nothing goes on, else one that is live."""
        client = self._client()

        def look() -> tuple[Table, bool]:
            jobs = client.call_tool("job_list", {"limit": limit}).structured["jobs"]
            return job_table(jobs), any(job["status"] in ACTIVE for job in jobs)

        table, goes_on = look()
        if not goes_on or not self._in_notebook():
            return table
        from jupyter_mcp.ipython.views import jobs_view

        try:
            self._views.append(jobs_view(client, limit, job_table))
        except CallError as error:
            if error.code != "unavailable":
                raise
        else:
            return self._views[-1]
        if self._live is not None:
            self._live.stop()
        self._live = LiveTable(look)
        self._live.start(table)
        return None


def job_table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    """Return jobs as rows."""
    if not jobs:
        return Table([], [], "There are no jobs.")
    rows = [
        [job["job_id"], job["status"], told(job), _clock(job["seconds"]), job["title"][:TITLE]]
        for job in jobs
    ]
    return Table(rows, ["job", "status", "progress", "time", "title"])


def job_details(result: Any) -> Table:
    """Return a job with what it has told and what came of it."""
    job = result.structured
    rows = [
        ["job", job["job_id"]],
        ["title", job["title"]],
        ["status", job["status"]],
        ["time", _clock(job["seconds"])],
    ]
    rows += [["progress", progress]] if (progress := told({**job, "asks": None})) else []
    rows += [["log", job["log"]]] if job.get("log") else []
    texts = [block["text"] for block in result.content[1:] if block["type"] == "text"]
    name = "asks" if job.get("asks") else "result"
    rows += [[name, "\n".join(texts)]] if texts else []
    return Table(rows)


def answer_of(words: list[Word], asks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that words give to the only question of a job.

    A question with one field takes all that is written, also what looks like ``NAME=VALUE``.
    """
    questions = list(asks.values())
    schema = questions[0]["params"].get("requestedSchema") or {} if len(questions) == 1 else {}
    fields: Mapping[str, Any] = schema.get("properties") or {}
    if len(fields) == 1:
        ((name, field),) = fields.items()
        if [word.key for word in words] != [name]:
            text = " ".join(
                f"{each.key}={each.value}" if each.key else each.value for each in words
            )
            return {name: _value(text, field)}
    return {each.key or "answer": _value(each.value, fields.get(each.key, {})) for each in words}


def _value(text: str, field: Mapping[str, Any]) -> Any:
    """Return a text as the type of its field, or as it is for the server to refuse."""
    if field.get("type") in ("integer", "number", "boolean"):
        try:
            return json.loads(text.lower())
        except ValueError:
            return text
    return text


def told(job: Mapping[str, Any]) -> str:
    """Return the last progress of a job as text."""
    if job.get("status") == "succeeded":  # what it told last is no news any more
        return ""
    progress = job.get("progress") or {}
    done, total, message = (progress.get(key) for key in ("done", "total", "message"))
    share = f"{done:g}/{total:g}" if total else ""
    if job.get("asks"):
        share, message = "asks:", job["asks"][0]
    return f"{share} {message or ''}".strip()[:TITLE]


def _clock(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
