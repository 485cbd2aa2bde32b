"""Several tool calls in one: each goes through the corridor, none costs another turn of a model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset
from jupyter_mcp.toolsets.workflows.tools.shapes import Chained

if TYPE_CHECKING:
    from jupyter_mcp.calls import Result
    from jupyter_mcp.toolsets.workflows.spec.references import Reference

MOST = 50
LONG_OUTPUT = 2_000
"""Characters of an earlier step's output, as JSON, up to which it is told."""

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


class Step(Shape):
    """One call of a chain."""

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    id: Annotated[str, Field(description="What others call it; its number by default")] = ""


class ChainTools(WorkflowToolset):
    """The tool that calls others."""

    @tool(scope="edit", title="Chain tools", open_world=True, long_running=True)
    async def chain(
        self,
        ctx: Context,
        steps: Annotated[
            list[Step],
            Field(
                min_length=1,
                max_length=MOST,
                description="In order; ${steps.ID.output.path} refers to an earlier result",
            ),
        ],
    ) -> Reply[Chained]:
        """Call several tools one after the other, until one fails. No rollback: see workflows."""
        ids = [each.id or str(number) for number, each in enumerate(steps, 1)]
        self._check(ctx, steps, ids)
        scope: dict[str, Any] = {}
        told: list[dict[str, Any]] = []
        for number, (step, name) in enumerate(zip(steps, ids, strict=True)):
            await ctx.progress(number, len(steps), f"{name}: {step.tool}")
            error, result = await _called(ctx, step, scope)
            if error is not None:
                return _stopped(error, told, (steps, ids), number)
            output = _output_of(result)
            scope[name] = {"output": output}
            told.append({"id": name, "tool": step.tool, "status": "succeeded"})
            if number < len(steps) - 1 and len(json.dumps(output, default=str)) <= LONG_OUTPUT:
                told[-1]["output"] = output
        await ctx.progress(len(steps), len(steps), "done")
        value = Chained(status="succeeded", steps=told, output=output)
        return Reply(
            value, [Text(f"{len(steps)} steps done."), *(result.content if result else ())]
        )

    def _check(self, ctx: Context, steps: Sequence[Step], ids: Sequence[str]) -> None:
        """Refuse, before anything is done, what could only fail later.

        Raises:
            ToolError: ``invalid_arguments``, with the step's place.
        """
        from jupyter_mcp.toolsets.workflows.spec.references import find, nearest

        known = self.known_tools(ctx.principal)
        for number, (step, name) in enumerate(zip(steps, ids, strict=True)):
            place = f"steps[{number}]"
            if not _ID.fullmatch(name) or name in ids[:number]:
                wrong = "is there twice" if name in ids[:number] else "is no id"
                raise _refused(f"{place}.id: '{name[:64]}' {wrong}.", "Give each step its own id.")
            if step.tool == "chain":
                raise _refused(f"{place}.tool: A chain holds no chain.", "Write its steps here.")
            if known is not None and step.tool not in known.names():
                remedy = nearest(step.tool, list(known.names()))
                raise _refused(f"{place}.tool: There is no tool '{step.tool[:80]}'.", remedy)
            for reference in _found(find(step.arguments), place):
                _refuse_unknown(reference, ids, number, place)


async def _called(
    ctx: Context, step: Step, scope: Mapping[str, Any]
) -> tuple[ToolError | None, Result | None]:
    """Call a step's tool; return why it failed, or its result."""
    from jupyter_mcp.toolsets.workflows.spec.amounts import refuse_too_much
    from jupyter_mcp.toolsets.workflows.spec.references import resolve

    try:
        refuse_too_much(step.arguments, {"steps": scope})
        result = await ctx.call(step.tool, resolve(step.arguments, {"steps": scope}))
    except ToolError as error:
        return error, None
    if result.error is not None:
        return result.error, result
    if result.is_error:
        said = next((each.text for each in result.content if isinstance(each, Text)), "It failed.")
        return ToolError("failed", said, "", data={}), result
    return None, result


def _stopped(
    error: ToolError,
    told: list[dict[str, Any]],
    chain: tuple[Sequence[Step], Sequence[str]],
    number: int,
) -> Reply[Chained]:
    """Return the reply of a chain that a failure ended."""
    steps, ids = chain
    failed = {"id": ids[number], "tool": steps[number].tool, "status": "failed"}
    left = [
        {"id": name, "tool": each.tool, "status": "skipped"}
        for each, name in list(zip(steps, ids, strict=True))[number + 1 :]
    ]
    where = f"Step '{ids[number]}' ({number + 1} of {len(steps)}, {steps[number].tool}) failed"
    before = " What was done before stays done." if number else ""
    said = {**error.to_json(), "message": f"{where}: {error.message}"}
    value = Chained(status="failed", steps=[*told, failed, *left], error=said)
    return Reply(value, [Text(f"{where}: {error}{before}")], is_error=True)


def _output_of(result: Result | None) -> Any:
    """Return what later steps refer to: the structured result, or the text."""
    if result is None:
        return None
    if result.structured is not None:
        return result.structured
    return {"text": "\n".join(each.text for each in result.content if isinstance(each, Text))}


def _found(references: Any, place: str) -> list[Reference]:
    try:
        return list(references)
    except ToolError as error:
        raise _refused(f"{place}.arguments: {error.message}", error.remedy) from None


def _refuse_unknown(reference: Reference, ids: Sequence[str], number: int, place: str) -> None:
    from jupyter_mcp.toolsets.workflows.spec.references import nearest, shown

    where = shown((reference.path[0], *reference.path[1:2]))
    at = f"{place}.arguments{''.join(f'.{each}' for each in reference.place)}"
    step = str(reference.path[1]) if len(reference.path) > 1 else ""
    if reference.root != "steps" or not step:
        raise _refused(f"{at}: there is no '{where}' here.", "Write ${steps.ID.output.path}.")
    if step not in ids[:number]:
        later = step in ids
        wrong = "comes later" if later else "is not there"
        remedy = "Refer to earlier steps." if later else nearest(step, list(ids[:number]))
        raise _refused(f"{at}: the step '{step[:64]}' {wrong}.", remedy)
    if len(reference.path) > 2 and reference.path[2] != "output":  # noqa: PLR2004
        raise _refused(f"{at}: a step has an 'output' only.", f"Write ${{steps.{step}.output}}.")


def _refused(message: str, remedy: str) -> ToolError:
    return ToolError("invalid_arguments", message, remedy)
