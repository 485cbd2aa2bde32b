"""Analysis nodes: figures of data, their limits, and tools that analyse code."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.figures import figures
from jupyter_mcp.toolsets.workflows.engine.kinds import rules
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.models import Analysis, Threshold


async def analyse(running: Running) -> Any:
    """Return the result, with ``checks`` and ``warnings`` where there are thresholds.

    Raises:
        ToolError: ``threshold`` for values beyond limits that are errors; ``rule_broken``; what
            the tool says.
    """
    work = cast("Analysis", running.work)
    result = await _result(running, work)
    output = result
    if work.thresholds:
        checks = [_checked(threshold, result) for threshold in work.thresholds]
        _refuse([check for check in checks if not check["ok"] and check["level"] == "error"])
        warnings = [check["message"] for check in checks if not check["ok"]]
        for warning in warnings:
            running.log(f"warning: {warning}\n")
        kept = result if isinstance(result, dict) and work.method != "thresholds" else {}
        output = {**kept, "checks": checks, "warnings": warnings}
    rules.check(work.rules, running.scope, running.input, output)
    return output


async def _result(running: Running, work: Analysis) -> Any:
    if work.method == "code":
        running.input = running.field("arguments")
        return await running.call(cast("str", work.tool), running.input)
    running.input = running.field("input")
    if work.method == "statistics":
        return await asyncio.to_thread(figures, running.input)
    return running.input


def _checked(threshold: Threshold, result: Any) -> dict[str, Any]:
    value = _at(result, threshold)
    low, high = threshold.min, threshold.max
    message = ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"{threshold.name} is no number."
    elif low is not None and value < low:
        message = f"{threshold.name} is {value:g}, less than {low:g}."
    elif high is not None and value > high:
        message = f"{threshold.name} is {value:g}, more than {high:g}."
    return {
        "name": threshold.name,
        "value": value,
        "ok": not message,
        "level": threshold.level,
        "message": message,
    }


def _at(result: Any, threshold: Threshold) -> Any:
    """Return the value that a path such as ``columns.price.mean`` leads to."""
    found = result
    rest = threshold.path.split(".")
    while rest:
        if isinstance(found, Mapping):
            # A column may have dots in its name: the longest name that there is counts.
            for size in range(len(rest), 0, -1):
                if (name := ".".join(rest[:size])) in found:
                    found, rest = found[name], rest[size:]
                    break
            else:
                raise _nowhere(threshold)
        elif isinstance(found, Sequence) and rest[0].isdecimal() and int(rest[0]) < len(found):
            found, rest = found[int(rest[0])], rest[1:]
        else:
            raise _nowhere(threshold)
    return found


def _nowhere(threshold: Threshold) -> ToolError:
    return ToolError(
        "not_found",
        f"There is no '{threshold.path}' in the result, for the threshold '{threshold.name}'.",
        "Correct its 'path', such as columns.price.mean.",
    )


def _refuse(broken: Sequence[Mapping[str, Any]]) -> None:
    if broken:
        raise ToolError(
            "threshold", " ".join(str(each["message"]) for each in broken), "Look at the data."
        )
