"""Random policies, and a matcher so plain that it can be read at a glance."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

from hypothesis import strategies as st

from jupyter_mcp.calls.operation import Tool
from jupyter_mcp.calls.schema import Signature

SCOPES = ("read", "edit", "execute", "admin")
TOOLSETS = ("notebooks", "files")
NAMES = ("cell_edit", "cell_read", "kernel_execute", "file_write")
PATHS = ("course/a.ipynb", "course/sub/b.ipynb", "secret.ipynb", "x/c.ipynb")
GLOBS = ("course/*", "*.ipynb", "secret.ipynb", "x/?.ipynb", "course/sub/", "c[o]urse/*")
EFFECTS = ("allow", "ask", "deny")

matches = st.fixed_dictionaries(
    {},
    optional={
        "scope": st.lists(st.sampled_from(SCOPES), min_size=1, max_size=2, unique=True),
        "toolset": st.sampled_from((*TOOLSETS, "*", "note*")),
        "tool": st.lists(st.sampled_from((*NAMES, "cell_*", "*")), min_size=1, max_size=2),
        "except": st.sampled_from((*NAMES, "kernel_*")),
        "destructive": st.booleans(),
        "resource": st.lists(st.sampled_from(GLOBS), min_size=1, max_size=2),
        "outside": st.sampled_from(GLOBS),
        "when": st.fixed_dictionaries(
            {"mode": st.sampled_from(({"equals": "fast"}, {"prefix": "f"}, {"in": ["slow", 1]}))}
        ),
    },
)
rules = st.builds(lambda effect, match: {effect: match}, st.sampled_from(EFFECTS), matches)
policies = st.lists(rules, max_size=8)


@st.composite
def calls(draw: st.DrawFn) -> tuple[Tool, dict[str, Any], tuple[str, ...] | None]:
    """A tool, arguments and what the call touches."""
    scope = draw(st.sampled_from(SCOPES))
    tool = Tool(
        name=draw(st.sampled_from(NAMES)),
        toolset=draw(st.sampled_from(TOOLSETS)),
        scope=scope,
        function=print,
        signature=Signature("drawn", print),
        read_only=scope == "read",
        destructive=draw(st.booleans()),
        places=frozenset({"path"}),
    )
    values = draw(
        st.fixed_dictionaries({}, optional={"mode": st.sampled_from(("fast", "slow", 1))})
    )
    paths = draw(st.one_of(st.none(), st.lists(st.sampled_from(PATHS), max_size=2).map(tuple)))
    return tool, values, paths


def document(written: list[dict[str, Any]]) -> str:
    """Return the policy file of one role with these rules; JSON is YAML too."""
    return json.dumps({"version": 1, "roles": {"tested": {"rules": written}}})


def plain_effect(
    written: list[dict[str, Any]],
    tool: Tool,
    values: dict[str, Any],
    paths: tuple[str, ...] | None,
) -> str:
    """Return what the rules say, by looking at all of them."""
    said = {
        effect
        for rule in written
        for effect, match in rule.items()
        if _concerns(match, tool) and _holds(effect, match, values, paths)
    }
    for effect in ("deny", "ask", "allow"):
        if effect in said:
            return effect
    return "allow" if tool.scope == "read" and tool.read_only else "deny"


def _concerns(match: dict[str, Any], tool: Tool) -> bool:
    return (
        tool.scope in match.get("scope", SCOPES)
        and fnmatch.fnmatchcase(tool.toolset, match.get("toolset", "*"))
        and any(fnmatch.fnmatchcase(tool.name, glob) for glob in match.get("tool", ["*"]))
        and not fnmatch.fnmatchcase(tool.name, match.get("except", ""))
        and match.get("destructive", tool.destructive) == tool.destructive
    )


def _holds(
    effect: str, match: dict[str, Any], values: dict[str, Any], paths: tuple[str, ...] | None
) -> bool:
    if "resource" in match or "outside" in match:
        if paths is None:
            covered = effect != "allow"
        else:
            about = [_about(match, path) for path in paths]
            covered = bool(about) and all(about) if effect == "allow" else any(about)
        if not covered:
            return False
    wanted = match.get("when", {}).get("mode", {})
    value = values.get("mode")
    tests = {
        "equals": lambda want: value == want,
        "prefix": lambda want: isinstance(value, str) and value.startswith(want),
        "in": lambda want: value in want,
    }
    return all(tests[test](want) for test, want in wanted.items())


def _about(match: dict[str, Any], path: str) -> bool:
    inside = any(_covers(glob, path) for glob in match.get("resource", ["*"]))
    return inside and not ("outside" in match and _covers(match["outside"], path))


def _covers(glob: str, path: str) -> bool:
    return fnmatch.fnmatchcase(path, f"{glob}*" if glob.endswith("/") else glob)
