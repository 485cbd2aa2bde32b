"""Puts what a running tool asks to the person, with `input()`.

A form has a few plain fields (specification 2026-07-28, client/elicitation). Each is asked in a
line of its own; an empty answer takes the default, end of input or Ctrl-C cancels the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from getpass import getpass
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.arguments import convert
from jupyter_mcp.ipython.schema import ToolInfo, choices

CANCEL: Mapping[str, Any] = {"action": "cancel"}
YES = frozenset({"y", "yes"})
TRIES = 3
"""How often a field is asked again when the answer does not fit."""


def ask_person(
    params: Mapping[str, Any],
    read: Callable[[str], str] = input,
    read_secret: Callable[[str], str] = getpass,
) -> Mapping[str, Any]:
    """Ask the person and return the result of MCP's ``elicitation/create``.

    Args:
        params: The request's parameters: ``message`` and ``requestedSchema``, or ``url``.
        read: Shows a prompt and returns a line.
        read_secret: The same for what must not be seen.
    """
    try:
        if params.get("mode") == "url":
            return _url(params, read)
        return _form(params, read, read_secret)
    except (EOFError, KeyboardInterrupt):
        return CANCEL
    except Exception as error:
        if type(error).__name__ == "StdinNotImplementedError":
            return CANCEL
        raise


def _url(params: Mapping[str, Any], read: Callable[[str], str]) -> Mapping[str, Any]:
    line = read(f"{params.get('message', '')}\nOpen {params.get('url')}, then say yes [y/N] ")
    return {"action": "accept"} if line.strip().lower() in YES else {"action": "decline"}


def _form(
    params: Mapping[str, Any], read: Callable[[str], str], read_secret: Callable[[str], str]
) -> Mapping[str, Any]:
    info = ToolInfo("answer", input_schema=params.get("requestedSchema") or {})
    message = str(params.get("message", ""))
    if not info.arguments:
        line = read(f"{message} [y/N] ")
        action = "accept" if line.strip().lower() in YES else "decline"
        return {"action": action, "content": {}} if action == "accept" else {"action": action}
    content: dict[str, Any] = {}
    for number, (name, spec) in enumerate(info.arguments.items()):
        secret = spec.get("format") == "password" or bool(spec.get("writeOnly"))
        lead = f"{message}\n" if number == 0 and message else ""
        given, value = _field(info, name, lead, read_secret if secret else read)
        if given:
            content[name] = value
        elif name in info.required:
            return {"action": "decline"}
    return {"action": "accept", "content": content}


def _field(info: ToolInfo, name: str, lead: str, read: Callable[[str], str]) -> tuple[bool, Any]:
    """Ask for one field; return whether there is a value, and the value."""
    spec = info.arguments[name]
    prompt = lead + _prompt(info, name, spec)
    for _ in range(TRIES):
        line = read(prompt)
        if line == "" and "default" in spec:
            return True, spec["default"]
        if line == "" and (name not in info.required or not _takes_text(spec)):
            return False, None
        try:
            return True, convert(info, name, spec, line)
        except ToolError as error:
            prompt = f"{error}\n{_prompt(info, name, spec)}"
    return False, None


def _prompt(info: ToolInfo, name: str, spec: Mapping[str, Any]) -> str:
    parts = [str(spec.get("title") or name)]
    if description := spec.get("description"):
        parts.append(f"({description})")
    if allowed := choices(info, spec):
        parts.append(f"[{'/'.join(str(value) for value in allowed)}]")
    if "default" in spec:
        parts.append(f"[default {spec['default']}]")
    return " ".join(parts) + ": "


def _takes_text(spec: Mapping[str, Any]) -> bool:
    return spec.get("type") == "string" and "enum" not in spec
