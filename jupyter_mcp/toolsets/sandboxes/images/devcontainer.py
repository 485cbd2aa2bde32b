"""The part of devcontainer.json that is understood; for all else there is a warning, each by name.

Source: containers.dev, "Dev Container metadata reference". Features come from OCI registries, which
there may be none of, so they are named and left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images import jsonc

PLACES = (".devcontainer/devcontainer.json", ".devcontainer.json")
"""Where the file lies in a folder, the first that is there counts."""
_MOST_WARNINGS = 50
_SILENT = frozenset({"name", "$schema", "customizations", "image", "build"})
_READ = frozenset(
    {
        "containerEnv",
        "remoteUser",
        "forwardPorts",
        "onCreateCommand",
        "postCreateCommand",
        "hostRequirements",
    }
)
_INSTEAD = {
    "features": "features come from registries; install what they bring in a Dockerfile",
    "dockerComposeFile": "one container only, no Compose",
    "mounts": "folders of the host are lent by the administrator (setting sandbox_mounts)",
    "runArgs": "options of the engine are the administrator's",
    "privileged": "sandboxes are never privileged",
    "capAdd": "sandboxes have no capabilities",
    "securityOpt": "sandboxes keep their hardening",
    "remoteEnv": "use containerEnv",
    "workspaceFolder": "it is always /workspace",
    "workspaceMount": "the workspace is the sandbox's own",
    "containerUser": "sandboxes run as uid 1000",
    "initializeCommand": "nothing runs on the host",
    "postStartCommand": "run it with terminal_run",
    "postAttachCommand": "run it with terminal_run",
    "updateContentCommand": "run it with terminal_run",
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Command = str | list[str]


@dataclass(frozen=True, slots=True)
class DevContainer:
    """What a devcontainer.json says.

    Args:
        image: The image that it stands on; empty where a Dockerfile is built.
        dockerfile: The Dockerfile, relative to the folder of the file; empty for an image.
        context: The folder that is built, likewise.
        args: Build arguments.
        target: The stage of the Dockerfile; empty for the last.
        env: Variables of every process in the container.
        user: Who is meant to work in it; empty for the sandbox's own user.
        ports: Ports that something listens on.
        commands: What is to be run once a sandbox was made, in that order, by its name.
        needs: What the host should have: ``cpus``, ``memory``, ``storage``.
        warnings: What is not done, a line each.
    """

    image: str = ""
    dockerfile: str = ""
    context: str = "."
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    ports: tuple[int, ...] = ()
    commands: Mapping[str, Command] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def metadata(self) -> dict[str, Any]:
        """What the image's label keeps for whoever makes a sandbox from it."""
        kept = ("user", "ports", "commands", "needs")
        return {name: value for name, value in asdict(self).items() if name in kept and value}


def parse(text: str) -> DevContainer:
    """Read a devcontainer.json.

    Raises:
        ToolError: ``invalid_arguments`` when it is none, or names neither image nor Dockerfile.
    """
    try:
        data = jsonc.loads(text)
    except ValueError as error:
        raise _wrong(f"it is no JSON: {str(error)[:100]}") from None
    if not isinstance(data, dict):
        raise _wrong("it is no JSON object")
    return _Reader(data).read()


class _Reader:
    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        self._warnings: list[str] = []

    def read(self) -> DevContainer:
        build = self._mapping("build")
        dockerfile = self._text("dockerfile", build) or self._text("dockerFile", self._data)
        image = "" if dockerfile else self._text("image", self._data)
        if not dockerfile and not image:
            raise _wrong("it names neither 'image' nor 'build.dockerfile'")
        self._warn_of_unknown(build)
        return DevContainer(
            image=image,
            dockerfile=dockerfile,
            context=self._text("context", build) or self._text("context", self._data) or ".",
            args=self._variables("build.args", build.get("args")),
            target=self._text("target", build),
            env=self._variables("containerEnv", self._data.get("containerEnv")),
            user=self._text("remoteUser", self._data),
            ports=self._ports(),
            commands=self._commands(),
            needs=self._needs(),
            warnings=tuple(self._warnings[:_MOST_WARNINGS]),
        )

    def _warn_of_unknown(self, build: Mapping[str, Any]) -> None:
        old = {"dockerFile", "context"}
        for name in self._data:
            if name in _SILENT | _READ | old:
                continue
            why = _INSTEAD.get(name, "it is not supported here")
            self._warn(f"'{name[:60]}' is ignored: {why}.")
        for name in build:
            if name not in {"dockerfile", "context", "args", "target"}:
                self._warn(f"'build.{name[:60]}' is ignored: it is not supported here.")
        if self._data.get("remoteUser") not in (None, "", "sandbox"):
            self._warn("'remoteUser' is noted only: sandboxes always run as uid 1000.")

    def _text(self, name: str, mapping: Mapping[str, Any]) -> str:
        value = mapping.get(name, "")
        if not isinstance(value, str):
            raise _wrong(f"'{name}' is no text")
        return value

    def _mapping(self, name: str) -> Mapping[str, Any]:
        value = self._data.get(name, {})
        if not isinstance(value, dict):
            raise _wrong(f"'{name}' is no object")
        return value

    def _variables(self, name: str, given: Any) -> dict[str, str]:
        if given is not None and not isinstance(given, dict):
            raise _wrong(f"'{name}' is no object")
        kept: dict[str, str] = {}
        for key, value in (given or {}).items():
            if not isinstance(value, str) or not _VARIABLE.fullmatch(key) or "\n" in value:
                self._warn(f"'{name}.{key[:60]}' is ignored: it is no line of text.")
            elif "${" in value:
                self._warn(f"'{name}.{key}' is ignored: it refers to something else.")
            else:
                kept[key] = value
        return kept

    def _ports(self) -> tuple[int, ...]:
        given = self._data.get("forwardPorts") or []
        kept: list[int] = []
        for port in given if isinstance(given, list) else [given]:
            if isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536:  # noqa: PLR2004 - TCP
                kept.append(port)
            else:
                self._warn(f"'forwardPorts' {str(port)[:60]} is ignored: it is no port.")
        return tuple(kept)

    def _commands(self) -> dict[str, Command]:
        kept: dict[str, Command] = {}
        for name in ("onCreateCommand", "postCreateCommand"):
            command = self._data.get(name)
            if command is None or command == "":
                continue
            if isinstance(command, str) or _is_words(command):
                kept[name] = command
                self._warn(f"'{name}' is noted: run it with terminal_run in a new sandbox.")
            else:
                self._warn(f"'{name}' is ignored: only a text or a list of words is understood.")
        return kept

    def _needs(self) -> dict[str, Any]:
        given = self._mapping("hostRequirements")
        kept: dict[str, Any] = {}
        for name, value in given.items():
            if name in {"cpus", "memory", "storage"} and isinstance(value, int | str):
                kept[name] = value
            else:
                self._warn(f"'hostRequirements.{name[:60]}' is ignored: it is not supported here.")
        if kept:
            self._warn("'hostRequirements' is noted: ask for it with sandbox_create.")
        return kept

    def _warn(self, line: str) -> None:
        self._warnings.append(" ".join(line.split()))


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _wrong(what: str) -> ToolError:
    return ToolError(
        "invalid_arguments",
        f"devcontainer.json cannot be used: {what}.",
        "It needs 'image' or 'build': {'dockerfile': …}; see docs/how-to/sandboxes.md.",
    )
