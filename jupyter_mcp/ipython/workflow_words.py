"""``%mcp workflow …`` and ``%%workflow``: work in many steps that survives the kernel.

    %mcp workflow run FILE|TEMPLATE [key=value …]   start one and watch it; FILE may be a notebook
    %mcp workflow list [--all]                      runs, the newest first
    %mcp workflow show [ID]                         one of them, live
    %mcp workflow templates                         what is there to run
    %mcp workflow edit [FILE|TEMPLATE]              forms with the YAML beside them
    %mcp workflow cancel|pause|resume|retry [ID]    steer one
    %mcp workflow fork [ID] NODE                    a new run from a node on
    %mcp workflow answer [ID] NODE yes|no [field=value …] [--reason TEXT]
    %mcp workflow help                              these words

Without an ID it is about the run that was started or shown last. Whoever writes this is a person,
so the calls are the person's where this machine knows them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import own_kernel
from jupyter_mcp.ipython.arguments import arguments
from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.failure import CallError
from jupyter_mcp.ipython.live_table import LiveTable
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.ipython.usage import HELP, Usage
from jupyter_mcp.ipython.words import Word
from jupyter_mcp.ipython.workflow_tables import (
    ENDED,
    list_table,
    problem_lines,
    run_table,
    template_table,
)

STEER = {
    "cancel": "end a run; what its nodes have done stays",
    "pause": "let no more nodes begin",
    "resume": "let a paused run go on",
    "retry": "go on after a failure, as a new run",
}
"""Words that need a run and nothing else."""

FORMS = {
    "run": ("FILE|NOTEBOOK|TEMPLATE[@VERSION] [key=value …]", "start one and watch it"),
    "list": ("[--all]", "runs, the newest first"),
    "show": ("[ID]", "one of them, live"),
    "templates": ("", "what is there to run"),
    "edit": ("[FILE|TEMPLATE]", "forms with the YAML beside them"),
    **{word: ("[ID]", does) for word, does in STEER.items()},
    "fork": ("[ID] NODE", "do a node and what waits for it again, as a new run"),
    "answer": ("[ID] NODE yes|no [field=value …] [--reason TEXT]", "answer what a run asks"),
}
"""The words, and what follows them."""

SUBWORDS = (*FORMS, "help")

USAGE = Usage("%mcp workflow", FORMS)

SHOWN, ALL = 10, 100
"""How many runs are listed."""

NOTEBOOK = ".ipynb"
FILES = frozenset({".yaml", ".yml", ".json", NOTEBOOK})
"""What a file with a workflow is called."""

_YES = {"yes": True, "y": True, "approve": True, "no": False, "n": False, "decline": False}


class WorkflowWords:
    """The words after ``%mcp workflow``, and the run that was last at hand.

    Args:
        client: Returns the client that calls the tools.
        bar: Returns what shows a call's progress.
        in_notebook: Tells whether what is shown can change in place.
    """

    def __init__(
        self, client: Callable[[], Any], bar: Callable[[str], Any], in_notebook: Callable[[], bool]
    ) -> None:
        self._client = client
        self._bar = bar
        self._in_notebook = in_notebook
        self._live: LiveTable | None = None
        self._views: list[Any] = []
        self.last = ""

    def carry_out(self, words: list[Word]) -> Any:
        """Do what the words say and return what to show.

        Raises:
            UsageError: For words that nobody understands.
            ToolError: What the server refuses.
        """
        plain = [word.value for word in words if not word.key]
        keyed = [word for word in words if word.key]
        if keyed and plain[:1] not in (["run"], ["answer"]):
            raise USAGE.refused(plain[0] if plain else keyed[0].key)
        match plain:
            case ["run", source]:
                return self._run(source, keyed)
            case ["answer", run, node, answer, *rest] if answer.lower() in _YES:
                return self._answer(run, node, keyed, approved=_YES[answer.lower()], rest=rest)
            case ["answer", node, answer, *rest] if answer.lower() in _YES:
                yes = _YES[answer.lower()]
                return self._answer(self._named(), node, keyed, approved=yes, rest=rest)
            case ["fork", *run, node] if len(run) <= 1:
                given = {"workflow_id": self._named(*run), "node": node}
                return self._followed(self._call("workflow_fork", **given))
            case [word, *run] if word in STEER and len(run) <= 1:
                return self._steered(word, self._named(*run))
            case _:
                return self._looked(plain)

    def _looked(self, plain: list[str]) -> Any:
        match plain:
            case [] | ["list"] | ["list", "--all"]:
                return self._list(ALL if "--all" in plain else SHOWN)
            case ["templates"]:
                return template_table(self._call("workflow_template_list")["templates"])
            case ["show", *run] if len(run) <= 1:
                return self.show(self._named(*run))
            case ["edit", *source] if len(source) <= 1:
                return self._edit(*source)
            case [word] if word in HELP:
                return USAGE.table()
            case _:
                raise USAGE.refused(plain[0])

    def cell(self, words: list[Word], text: str) -> Any:
        """Check the workflow of a cell; start it with ``--run``.

        Raises:
            UsageError: For words that nobody understands.
            ToolError: ``invalid_arguments`` when something is wrong; that is printed, a line each.
        """
        flags = [word.value for word in words if not word.key]
        keyed = [word for word in words if word.key]
        if flags not in ([], ["--run"]) or (keyed and not flags):
            raise UsageError("Write %%workflow [--run] [key=value …], and the workflow below.")
        checked = self._call("workflow_check", spec=text)
        if not checked["ok"]:
            sys.stdout.write(problem_lines(checked["problems"]) + "\n")
            raise CallError("invalid_arguments", "The workflow is not right: see above.")
        if not flags:
            nodes = "1 node" if checked["nodes"] == 1 else f"{checked['nodes']} nodes"
            told = f"{checked['name']}: {nodes}, nothing is wrong with it."
            return Table([], [], f"{told} %%workflow --run starts it.")
        return self._start({"spec": text}, _schema_in(text), keyed)

    def show(self, run: str) -> Any:
        """Return a live view of a run; a table where there can be none."""
        shown = self._view(run)
        self.last = run
        return shown

    def ids(self, timeout: float) -> list[str]:
        """Return identifiers of runs, for completion."""
        found = self._client().call_within("workflow_list", {"limit": ALL}, timeout)
        return [run["workflow_id"] for run in found["workflows"]]

    def names(self, timeout: float) -> list[str]:
        """Return names of templates, for completion."""
        found = self._client().call_within("workflow_template_list", {}, timeout)
        return [each["name"] for each in found["templates"]]

    def close(self) -> None:
        """Update nothing any more."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        for view in self._views:
            view.close()
        self._views.clear()

    def _view(self, run: str) -> Any:
        if not self._in_notebook():
            return run_table(self._call("workflow_get", workflow_id=run).structured)
        from jupyter_mcp.ipython.views import workflow_view

        try:
            view = workflow_view(self._client(), run)
        except CallError as error:
            if error.code != "unavailable":
                raise
            return self._table(run)
        self._views.append(view)
        return view

    def _call(self, tool: str, **given: Any) -> Any:
        bar = self._bar(tool)
        result = self._client().call_tool(tool, given, bar)
        bar.end(result.seconds)
        return result

    def _named(self, run: str = "") -> str:
        if not (run or self.last):
            raise UsageError("Say which run: %mcp workflow list has their IDs.")
        return run or self.last

    def _list(self, limit: int) -> Table:
        return list_table(self._call("workflow_list", limit=limit)["workflows"])

    def _run(self, source: str, keyed: list[Word]) -> Any:
        if (text := _file(source)) is not None:
            if Path(source).suffix == NOTEBOOK:
                text = _without_outputs(text, Path(source).stem)
                if own_kernel.kernel_id() and "kernel_id" not in {word.key for word in keyed}:
                    keyed = [*keyed, Word("kernel_id", own_kernel.kernel_id(), quoted=True)]
            return self._start({"spec": text}, _schema_in(text), keyed)
        found = self._call("workflow_template_get", template=source)
        return self._start({"template": source}, found["parameters"], keyed)

    def _start(
        self, what: Mapping[str, Any], schema: Mapping[str, Any] | None, keyed: list[Word]
    ) -> Any:
        given = _values("workflow", schema, keyed)
        try:
            begun = self._call("workflow_start", **what, parameters=given)
        except ToolError as error:
            raise _with_all_problems(error) from None
        return self._followed(begun)

    def _followed(self, result: Any) -> Any:
        return self.show(result["workflow_id"])

    def _steered(self, word: str, run: str) -> Any:
        result = self._call(f"workflow_{word}", workflow_id=run)
        self.last = result["workflow_id"]
        if word == "retry":
            return self.show(self.last)
        return Table([], [], result.text)

    def _answer(
        self, run: str, node: str, keyed: list[Word], *, approved: bool, rest: list[str]
    ) -> Table:
        reason = ""
        if rest:
            if rest[0] != "--reason" or len(rest) == 1:
                raise USAGE.refused("answer")
            reason = " ".join(rest[1:])
        fields = None
        if keyed:
            found = self._call("workflow_get", workflow_id=run, node=node)["nodes"]
            asked = next((each.get("input") for each in found if each["id"] == node), None) or {}
            fields = _values(node, asked.get("fields"), keyed)
        more = {"reason": reason, **({"fields": fields} if fields else {})}
        result = self._call(
            "workflow_answer", workflow_id=run, node=node, approved=approved, **more
        )
        self.last = run
        return Table([], [], result.text)

    def _edit(self, source: str = "") -> Any:
        from jupyter_mcp.ipython.views import workflow_editor

        if Path(source).suffix == NOTEBOOK:
            raise UsageError("A notebook is edited as a notebook: its tagged cells are the nodes.")
        file = Path(source) if Path(source).suffix in FILES else None
        if source and file is None:
            text = self._call("workflow_template_get", template=source)["yaml"]
        else:
            text = (_file(source) or "") if file is not None and file.exists() else ""
        view = workflow_editor(self._client(), text, file)
        self._views.append(view)
        return view

    def _table(self, run: str) -> Any:
        """Return the table of a run, or show one that is redrawn until it ends."""
        if self._live is not None:
            self._live.stop()
        client = self._client()

        def look() -> tuple[Table, bool]:
            found = client.call_tool("workflow_get", {"workflow_id": run}).structured
            return run_table(found), found["status"] not in ENDED

        table, goes_on = look()
        if not goes_on:
            return table
        self._live = LiveTable(look)
        self._live.start(table)
        return None


def _with_all_problems(error: ToolError) -> ToolError:
    """Return a refusal; where several things are wrong they are printed, a line each."""
    problems = error.data.get("problems") or ()
    if len(problems) < 2:  # noqa: PLR2004 - the only one is told by the error
        return error
    sys.stdout.write(problem_lines(problems) + "\n")
    return CallError("invalid_arguments", "The workflow cannot be started: see above.")


def _file(source: str) -> str | None:
    """Return the text of a file; None where the source names a template.

    Raises:
        ToolError: ``not_found`` or ``failed`` for a file that cannot be read.
    """
    path = Path(source)
    if path.suffix not in FILES:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CallError("not_found", f"There is no file '{source}' here.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CallError("failed", f"'{source}' cannot be read: {error}.") from None


def _without_outputs(text: str, name: str) -> str:
    """Return a notebook's JSON with what a workflow is made of, and called so if it has no title.

    Raises:
        ToolError: ``invalid_arguments`` for what is no notebook.
    """
    try:
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if "outputs" in cell:
                cell["outputs"] = []
        notebook.setdefault("metadata", {}).setdefault("title", name)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CallError("invalid_arguments", "This is no notebook.") from None
    return json.dumps(notebook)


def _schema_in(text: str) -> Mapping[str, Any] | None:
    """Return the schema of a spec's parameters; what is wrong with a spec the server says."""
    from jupyter_mcp.ipython import body

    try:
        schema = body.read(text).get("parameters")
    except ToolError:
        return None
    return schema if isinstance(schema, Mapping) else None


def _values(name: str, schema: Mapping[str, Any] | None, keyed: list[Word]) -> dict[str, Any]:
    """Return what was given as key=value, read as its schema says."""
    open_one = {"additionalProperties": True, **(schema or {})}
    return arguments(ToolInfo(name, input_schema=open_one), keyed, complete=False)
