from __future__ import annotations

import subprocess
import sys

import pytest

import jupyter_mcp


def test_the_public_names_are_these() -> None:
    assert sorted(jupyter_mcp.__all__) == [
        "Answer",
        "AsyncClient",
        "Audio",
        "Client",
        "Context",
        "Embedded",
        "Host",
        "Image",
        "JobContext",
        "Link",
        "Message",
        "Reply",
        "SearchIndex",
        "Text",
        "ToolError",
        "Toolset",
        "Workflow",
        "completer",
        "prompt",
        "resource",
        "step",
        "tool",
    ]


@pytest.mark.parametrize("name", jupyter_mcp.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(jupyter_mcp, name).__doc__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        jupyter_mcp.Nothing  # noqa: B018


def test_importing_the_package_and_the_extension_loads_nothing_heavy() -> None:
    probe = (
        "import sys, jupyter_mcp, jupyter_mcp.server.extension\n"
        "heavy = {'mcp', 'mcp_types', 'sqlalchemy', 'alembic', 'PIL', 'pydantic', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
