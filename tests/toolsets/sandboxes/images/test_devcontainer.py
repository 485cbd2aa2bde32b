from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.devcontainer import parse


def read(**keys: Any) -> Any:
    return parse(json.dumps({"image": "jupyter-mcp/dev", **keys}))


def test_what_is_supported_is_read_without_a_warning() -> None:
    said = parse(
        json.dumps(
            {
                "name": "Project",
                "build": {
                    "dockerfile": "Dockerfile",
                    "context": "..",
                    "args": {"A": "1"},
                    "target": "x",
                },
                "containerEnv": {"MODE": "test"},
                "forwardPorts": [8000],
                "customizations": {"vscode": {}},
            }
        )
    )
    assert (said.dockerfile, said.context, said.target) == ("Dockerfile", "..", "x")
    assert (said.args, said.env, said.ports) == ({"A": "1"}, {"MODE": "test"}, (8000,))
    assert said.warnings == ()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("features", {"ghcr.io/devcontainers/features/node:1": {}}, "registries"),
        ("mounts", ["source=/,target=/host,type=bind"], "administrator"),
        ("runArgs", ["--privileged"], "administrator"),
        ("privileged", True, "never privileged"),
        ("initializeCommand", "rm -rf /", "host"),
        ("remoteUser", "root", "uid 1000"),
        ("remoteUser", "vscode", "uid 1000"),
        ("postCreateCommand", "make", "terminal_run"),
        ("onCreateCommand", {"a": "x"}, "ignored"),
        ("hostRequirements", {"gpu": True}, "gpu"),
        ("hostRequirements", {"memory": "8gb"}, "sandbox_create"),
        ("containerEnv", {"X": "${localEnv:HOME}"}, "X"),
        ("containerEnv", {"X": "a\nRUN evil"}, "X"),
        ("containerEnv", {"X Y": "1"}, "X Y"),
        ("forwardPorts", ["db:5432"], "db:5432"),
        ("somethingNew", 1, "somethingNew"),
    ],
)
def test_nothing_is_left_out_silently(key: str, value: Any, told: str) -> None:
    warnings = read(**{key: value}).warnings
    assert len(warnings) == 1
    assert told in warnings[0]


def test_what_is_to_be_run_later_is_kept_for_whoever_makes_a_sandbox() -> None:
    said = read(postCreateCommand=["make", "all"], forwardPorts=[80], hostRequirements={"cpus": 2})
    assert said.metadata == {
        "ports": (80,),
        "commands": {"postCreateCommand": ["make", "all"]},
        "needs": {"cpus": 2},
    }


@pytest.mark.parametrize(
    "text",
    ["[]", "{", "{}", '{"image": 1}', '{"image": "a", "build": []}', '{"name": "only"}', "null"],
)
def test_what_cannot_be_built_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ToolError) as caught:
        parse(text)
    assert caught.value.code == "invalid_arguments"
    assert caught.value.remedy
