"""What a run is started with, and the flow that is made of it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.flow import Flow
from jupyter_mcp.toolsets.workflows.spec.models import Spec

SCHEMA = 1
"""The version of what a run's input looks like, and of the order of steps."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is started with; stored as JSON, so that templates may change meanwhile.

    Args:
        run: The run's identifier.
        spec: The spec, complete.
        parameters: Its parameters.
        seeds: Outputs of nodes that an earlier run has done; they count as succeeded. Those of
            subworkflows are called as in records: ``sub.load``.
        schema: The version of all this.
    """

    run: str
    spec: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """Return the form that is stored."""
        return {name: getattr(self, name) for name in self.__slots__}

    def flow(self) -> Flow:
        """Return the flow of the spec, in which nothing has ended.

        Raises:
            ToolError: It was made for another version, or cannot be read.
        """
        if self.schema != SCHEMA:
            raise _other_schema(self.schema)
        try:
            spec = Spec.model_validate(self.spec)
        except ValidationError as error:
            raise _unreadable(error) from None
        return Flow(self.run, "", spec, self.parameters)


def _other_schema(schema: int) -> ToolError:
    return ToolError(
        "unsupported",
        f"This run was made for version {schema} of the interpreter, and this one is {SCHEMA}.",
        "Update jupyter_mcp where the worker runs, or start the workflow again.",
    )


def _unreadable(error: ValidationError) -> ToolError:
    number = uuid.uuid4().hex[:8]
    _log.error("A run's spec cannot be read, error id %s.", number, exc_info=error)
    return ToolError(
        "invalid_arguments",
        f"The spec of this run cannot be read (error id {number}).",
        "Start the workflow again; the server checks the spec then.",
    )
