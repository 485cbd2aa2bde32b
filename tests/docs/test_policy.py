"""What the pages say of policies is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_mcp.commands.policy import _lines
from jupyter_mcp.security.policy import file, rules, statements
from support.runtimes import PERSON, call, running

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "policy.md").read_text()
SHARED = (DOCS / "how-to" / "agents-on-a-shared-server.md").read_text()
POLICIES = re.findall(r"```yaml\n(.*?)```", REFERENCE + SHARED, re.DOTALL)


def test_the_reference_has_every_key_and_no_other() -> None:
    tables = re.findall(r"\| key \| meaning \|\n\| --- \| --- \|\n(.*?)\n\n", REFERENCE, re.DOTALL)
    documented = [tuple(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) for table in tables]
    assert documented == [
        file._DOCUMENT,
        file._SUBJECT,
        file._ROLE,
        statements._RULE,
        statements._MATCH,
        rules.TESTS,
    ]


@pytest.mark.parametrize("text", POLICIES, ids=range(len(POLICIES)))
async def test_every_example_is_a_good_policy(tmp_path: Path, text: str) -> None:
    async with running(tmp_path) as runtime:
        checked = await call(runtime, "policy_check", PERSON, text=text, file="policy.yaml")
    assert not checked.is_error, checked
    assert checked.structured["warnings"] == []


async def test_the_shipped_roles_stand_as_they_are(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        shown = await call(runtime, "policy_show", PERSON)
    printed = "\n".join(_lines(shown.structured)[2:])
    assert f"```\n{printed}\n```" in REFERENCE


async def test_the_policy_of_the_shared_server(tmp_path: Path) -> None:
    """Who, tool, path, what is decided, and the line of the rule."""
    cases = [
        ("group:students", "cell_edit", "course/1.ipynb", "allow", 14),
        ("group:students", "cell_edit", "private/1.ipynb", "deny", None),
        ("group:students", "kernel_stop", None, "deny", 15),
        ("group:students", "notebook_undo", "course/1.ipynb", "ask", 17),
        ("group:students", "notebook_read", "private/1.ipynb", "allow", None),
        ("bob", "cell_edit", "course/1.ipynb", "deny", None),
        ("ann", "cell_edit", "private/1.ipynb", "allow", None),
        ("ann", "kernel_stop", None, "ask", None),
    ]
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICIES[-1])
    async with running(tmp_path, policy_file=str(policy)) as runtime:
        for who, tool, path, effect, line in cases:
            given = {"user": who, "tool": tool, "arguments": {"path": path} if path else {}}
            told = await call(runtime, "policy_explain", PERSON, **given)
            found = told.structured
            assert (found["effect"], found.get("line")) == (effect, line), given
            if line == 14:
                printed = told.content[0].text.replace(str(tmp_path), "/etc/jupyter")
                assert f"```\n{printed}\n```" in SHARED
