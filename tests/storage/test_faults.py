"""What is told of a database that fails, and what that costs while none does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy.exc import OperationalError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.faults import remembering

QUIET = """
import sys
from jupyter_mcp.storage.faults import remembering
from jupyter_mcp.storage.sql_store import _reaching

with remembering("It holds"), _reaching():
    pass
print("sqlalchemy" in sys.modules)
"""


def test_who_waits_for_the_database_on_the_event_loop_imports_nothing_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("insert", None, Exception("disk is full")),
        OSError("disk is full"),
        ToolError("unavailable", "the disk is full.", "Make room."),
    ],
)
def test_what_holds_but_is_not_written_down_says_so(error: Exception) -> None:
    full = pytest.raises(ToolError, match=r"paused now, but .* the disk is full\.")
    with full as told, remembering("All are paused"):
        raise error
    assert told.value.code == "unavailable"


def test_a_mistake_of_ours_is_not_taken_for_one_of_the_database() -> None:
    with pytest.raises(KeyError), remembering("All are paused"):
        raise KeyError("ours")
