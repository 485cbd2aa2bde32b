"""What can be asked to run: code in a kernel, and the cells of a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jupyter_mcp.calls import Block, Context, Embedded, JobContext, Reply, Text, resource, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.model import Cell, Document
from jupyter_mcp.toolsets.notebooks.progress import RunTeller
from jupyter_mcp.toolsets.notebooks.revisions import find, visible
from jupyter_mcp.toolsets.notebooks.run import AskInput, RunOutcome, Work
from jupyter_mcp.toolsets.notebooks.spooling import SCHEME
from jupyter_mcp.toolsets.notebooks.tools.asking import asker, asker_of_job
from jupyter_mcp.toolsets.notebooks.tools.kernels import KernelId, KernelTools, OfPath
from jupyter_mcp.toolsets.notebooks.tools.runs import (
    CellRun,
    CellsRun,
    CodeRun,
    RunError,
    Showing,
    Shown,
)
from jupyter_mcp.toolsets.notebooks.uris import OUTPUT, output_uri

Seconds = Annotated[
    float | None, Field(gt=0, description="Seconds for the whole call; then interrupted")
]
Background = Annotated[bool, Field(description="Return a job_id at once and go on")]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who waits for a run.

    Args:
        send: Takes its progress.
        ask: Asks a person for input; None where nobody can be asked.
        seconds: How long the whole may take; None for as long as it takes.
    """

    send: Callable[[float, float | None, str], Awaitable[None]]
    ask: AskInput | None
    seconds: float | None


class RunTools(KernelTools):
    """Tools that run code."""

    @tool(scope="execute", title="Run code", destructive=True, open_world=True, long_running=True)
    async def kernel_execute(
        self,
        ctx: Context,
        code: str,
        *,
        kernel_id: KernelId = None,
        path: OfPath = None,
        timeout: Seconds = None,  # noqa: ASYNC109 - the tool's argument
        background: Background = False,
    ) -> Reply[CodeRun]:
        """Run code in a kernel without a cell; outputs, errors and images come back."""
        kernel = await self.kernels.resolve(kernel_id, path)
        if not background:
            return await self._run_code(kernel, code, Caller(ctx.progress, asker(ctx), timeout))

        async def work(job: JobContext) -> Reply[CodeRun]:
            return await self._run_code(
                kernel, code, Caller(job.progress, asker_of_job(job), timeout)
            )

        job_id = ctx.job(f"Code in kernel {kernel[:8]}", work)
        value = CodeRun(kernel_id=kernel, status="running", job_id=job_id)
        return Reply(value, [Text(_in_background(job_id))], job=job_id)

    @tool(scope="execute", title="Run cells", destructive=True, open_world=True, long_running=True)
    async def cell_run(
        self,
        ctx: Context,
        path: str,
        *,
        cell_ids: Annotated[list[str] | None, Field(description="Default: all")] = None,
        start: Annotated[str | None, Field(description="Cell id to run from")] = None,
        timeout: Seconds = None,  # noqa: ASYNC109 - the tool's argument
        background: Background = False,
        stop_kernel: Annotated[bool, Field(description="Afterwards, if this starts it")] = False,
        folder: Annotated[
            str | None, Field(description="In which a kernel that this starts works")
        ] = None,
    ) -> Reply[CellsRun]:
        """Run code cells in the notebook's kernel, save their outputs, stop at the first error."""
        document = await self.documents.open(path)
        cells = chosen(visible(await document.cells()), cell_ids, start)
        kernel_id, is_new = await self.kernels.of_document(document, folder=folder)

        async def run(caller: Caller) -> Reply[CellsRun]:
            try:
                return await self._run_cells(document, cells, kernel_id, caller)
            finally:
                if stop_kernel and is_new:
                    await self.kernels.stop(kernel_id)

        if not background:
            return await run(Caller(ctx.progress, asker(ctx), timeout))

        async def work(job: JobContext) -> Reply[CellsRun]:
            return await run(Caller(job.progress, asker_of_job(job), timeout))

        job_id = ctx.job(f"{len(cells)} cell(s) of {document.path}", work)
        value = CellsRun(path=document.path, kernel_id=kernel_id, status="running", job_id=job_id)
        return Reply(value, [Text(_in_background(job_id))], job=job_id)

    @resource(OUTPUT, name="output", title="A whole output")
    async def output_resource(self, id: str) -> Embedded:  # noqa: A002 - the template's variable
        """The whole of an output that was too much for a result."""
        data, mime = await self.outputs.read(id)
        text = data.decode("utf-8", "replace") if mime.startswith("text/") else data
        return Embedded(SCHEME + id, text, mime)

    async def _run_code(self, kernel_id: str, code: str, caller: Caller) -> Reply[CodeRun]:
        async with RunTeller(caller.send) as teller:
            work = Work(code, ask_input=caller.ask, on_output=teller.change, on_wait=teller.say)
            outcome = await self.engine.run(kernel_id, work, caller.seconds)
        self.variables_changed(kernel_id)
        shown = await Showing(self.host, self.outputs).show(outcome, caller.seconds)
        value = CodeRun(
            kernel_id=kernel_id,
            status=outcome.status,
            execution_count=outcome.execution_count,
            text=shown.text,
            images=shown.images,
            error=shown.error,
        )
        content = shown.blocks or [Text("Done, without output.")]
        return Reply(value, content, is_error=outcome.status != "ok")

    async def _run_cells(
        self,
        document: Document,
        cells: Sequence[Cell],
        kernel_id: str,
        caller: Caller,
    ) -> Reply[CellsRun]:
        showing = Showing(self.host, self.outputs)
        value = CellsRun(path=document.path, kernel_id=kernel_id, status="ok")
        content: list[Block] = []
        clock = asyncio.get_running_loop().time
        end = None if caller.seconds is None else clock() + caller.seconds
        try:
            async with RunTeller(caller.send) as teller:
                for number, cell in enumerate(cells, 1):
                    if len(cells) > 1:
                        teller.say(f"Cell {number} of {len(cells)} ({cell.id})\n")
                    left = None if end is None else max(0.0, end - clock())
                    try:
                        work = await _work(document, cell, teller, caller.ask)
                        outcome = await self.engine.run(kernel_id, work, left)
                    except ToolError as error:
                        if number == 1:
                            raise
                        _add_refused(value, content, cell, error)
                    else:
                        names = _names(document, cell)
                        shown = await showing.show(outcome, caller.seconds, names)
                        _add(value, content, cell, outcome, shown)
                    if value.status != "ok":
                        value.not_run = [each.id for each in cells[number:]]
                        break
        finally:
            unsaved = await _save(document)
            self.variables_changed(kernel_id)
        if value.not_run:
            content.append(Text(f"Not run: {', '.join(value.not_run)}"))
        if unsaved is not None:
            _add_unsaved(value, content, unsaved)
        return Reply(value, content, is_error=value.status != "ok" or unsaved is not None)


def chosen(cells: Sequence[Cell], cell_ids: Sequence[str] | None, start: str | None) -> list[Cell]:
    """Return the code cells to run, in the order of `cell_ids` or else of the notebook.

    Args:
        cells: The visible cells.
        cell_ids: The cells that are meant; None for all.
        start: The cell to begin with; None for the first.

    Raises:
        ToolError: ``not_found``; ``invalid_arguments`` when both are given or no code is meant.
    """
    if cell_ids is not None and start is not None:
        raise ToolError("invalid_arguments", "Give cell_ids or start, not both.", "Leave one out.")
    if cell_ids is not None:
        picked = [find(cells, cell_id) for cell_id in cell_ids]
    else:
        picked = list(cells)
        if start is not None:
            picked = picked[picked.index(find(cells, start)) :]
    code = [cell for cell in picked if cell.cell_type == "code"]
    if not code:
        raise ToolError(
            "invalid_arguments",
            "There is no code cell to run.",
            "Name code cells; notebook_read shows them.",
        )
    return code


def _add(
    value: CellsRun, content: list[Block], cell: Cell, outcome: RunOutcome, shown: Shown
) -> None:
    value.status = outcome.status
    value.cells.append(
        CellRun(
            cell_id=cell.id,
            status=outcome.status,
            execution_count=outcome.execution_count,
            text=shown.text,
            images=shown.images,
            error=shown.error,
        )
    )
    content.append(Text(f"Cell {cell.id} [{outcome.execution_count or ' '}] {outcome.status}"))
    content.extend(shown.blocks)


def _add_refused(value: CellsRun, content: list[Block], cell: Cell, error: ToolError) -> None:
    """Tell why a cell could not run, beside what those before it gave."""
    value.status = "aborted"
    told = RunError(ename=error.code, evalue=str(error), traceback="")
    value.cells.append(CellRun(cell_id=cell.id, status="aborted", error=told))
    content.append(Text(f"Cell {cell.id} [ ] aborted"))
    content.append(Text(str(error)))


def _add_unsaved(value: CellsRun, content: list[Block], error: ToolError) -> None:
    told = f"The outputs are not saved: {error}"
    content.append(Text(told))
    last = value.cells[-1]
    last.error = last.error or RunError(ename="NotSaved", evalue=told, traceback="")


async def _save(document: Document) -> ToolError | None:
    """Save, and return what was in the way: it must not hide what the run gave."""
    try:
        await document.save()
    except ToolError as error:
        return error
    return None


async def _work(document: Document, cell: Cell, teller: RunTeller, ask: AskInput | None) -> Work:
    return Work(
        cell.source,
        writer=await document.writer(cell.id),
        place=f"{document.path}#{cell.id}",
        metadata={"cellId": cell.id},
        ask_input=ask,
        on_output=teller.change,
        on_wait=teller.say,
        on_late_end=document.save,
    )


def _names(document: Document, cell: Cell) -> Callable[[int], str]:
    return lambda index: output_uri(document.path, cell.id, index)


def _in_background(job_id: str) -> str:
    return f"Running in the background as job {job_id}; job_get tells more."
