"""``jupyter mcp policy``: which rule decides, whether a file is good, and what is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_mcp.commands.admin import AdminClient, AdminCommand
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.words import from_shell

USAGE = "Use: policy explain USER TOOL [key=value ...] | check FILE | show | reload."
LARGEST = 1 << 20


class PolicyApp(AdminCommand):
    """Explain a decision, check a policy file, or show and reload the policy in force."""

    name = "jupyter-mcp-policy"
    description = (
        "explain USER TOOL [key=value ...]: which rule decides. check FILE: whether it is good. "
        "show: what is in force. reload: read its file again now."
    )
    examples = (
        "jupyter mcp policy explain ann cell_edit path=course/a.ipynb\n"
        "jupyter mcp policy explain role:viewer kernel_execute\n"
        "jupyter mcp policy check policy.yaml"
    )

    async def run(self) -> int:
        """Do what the first word says."""
        match self.extra_args:
            case ["explain", user, tool, *words]:
                given: dict[str, Any] = {"user": user, "tool": tool, "arguments": _values(words)}
                return await self._tell("policy_explain", given)
            case ["check", file]:
                text = _text_of(Path(file))
                return await self._tell("policy_check", {"text": text, "file": file})
            case ["show"]:
                return await self._tell("policy_show", {})
            case ["reload"]:
                return await self._tell("policy_reload", {})
            case _:
                raise ToolError("invalid_arguments", "That is no command of 'policy'.", USAGE)

    async def _tell(self, tool: str, arguments: dict[str, Any]) -> int:
        async with self.admin() as client:
            told, line = await _asked(client, tool, arguments)
        good = ["There is no mistake in it."] if tool == "policy_check" else []
        self.show(told, line if tool == "policy_explain" else "\n".join([*good, *_lines(told)]))
        return 0


async def _asked(
    client: AdminClient, tool: str, arguments: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    result = await client.call(tool, **arguments)
    return dict(result.structured or {}), result.text


def _values(words: list[str]) -> dict[str, Any]:
    """Return what was given as ``key=value`` (text) or ``key:=json``."""
    import json

    values: dict[str, Any] = {}
    for word in from_shell(words):
        try:
            values[word.key] = json.loads(word.value) if word.is_json else word.value
        except ValueError:
            what = f"'{word.key}' is no JSON."
            raise ToolError("invalid_arguments", what, "Use key=value for text.") from None
    if "" in values:
        raise ToolError("invalid_arguments", "Arguments are given as key=value.", USAGE)
    return values


def _text_of(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise ToolError("invalid_policy", f"'{file}' has more than 1 MiB.", "Name a policy.")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = f"'{file}' cannot be read: {getattr(error, 'strerror', None) or 'no UTF-8'}."
        raise ToolError("invalid_policy", what, "Name a policy in YAML.") from None


def _lines(state: dict[str, Any]) -> list[str]:
    lines = [f"File: {state.get('file') or 'none, the shipped roles alone'}"]
    if state.get("problem"):
        stays = "only the person here gets in" if state.get("closed") else "the old policy stays"
        lines.append(f"REFUSED, {stays}: {state['problem']}")
    lines += [f"Warning: {warning}" for warning in state.get("warnings", ())]
    lines.append(f"Everybody else: {', '.join(state['default'])}")
    lines += [f"{each['who']}: {', '.join(each['roles'])}" for each in state.get("subjects", ())]
    for role in state["roles"]:
        extends = f" extends {', '.join(role['extends'])}" if role["extends"] else ""
        shipped = " (shipped)" if role["shipped"] else ""
        lines.append(f"Role {role['name']}{shipped}{extends}")
        lines += [f"  {rule}" for rule in role["rules"]]
    return lines
