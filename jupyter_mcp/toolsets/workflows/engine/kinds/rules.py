"""What has to hold for a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from jupyter_mcp.toolsets.workflows.spec.models import Rule


def check(rules: Iterable[Rule], scope: Mapping[str, Any], given: Any, output: Any) -> None:
    """Raise unless every rule holds.

    Args:
        rules: The rules.
        scope: What expressions see.
        given: What they know as `input`.
        output: The result.

    Raises:
        ToolError: ``rule_broken`` with the messages of all that do not hold, or what an
            expression says.
    """
    values = {**scope, "input": given, "output": output}
    broken = [
        rule.message
        for rule in rules
        if not compile_expression(rule.expression, tuple(values)).is_true(values)
    ]
    if broken:
        raise ToolError(
            "rule_broken", f"The result breaks its rules: {'; '.join(broken)}", "Look at the input."
        )
