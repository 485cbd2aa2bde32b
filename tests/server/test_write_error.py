"""What is answered where a request fails before any tool is reached."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.handler import OurHandler


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ToolError("unavailable", "The database is newer.", "Update."), "unavailable", "newer"),
        (RuntimeError("secret"), "internal", "The request failed."),
    ],
)
def test_only_what_is_meant_for_callers_is_told(error: Exception, code: str, message: str) -> None:
    told: list[tuple[int, ToolError]] = []
    handler: Any = SimpleNamespace(answer_error=lambda status, said: told.append((status, said)))
    OurHandler.write_error(cast("OurHandler", handler), 500, exc_info=(type(error), error, None))
    ((status, said),) = told
    assert (status, said.code) == (500, code)
    assert message in said.message
