from __future__ import annotations

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.names import checked, of_folder, refuse_recipe, split

GLOBS = ("jupyter-mcp/*", "registry.test:5000/team/app:1*")


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("jupyter-mcp/mine", "jupyter-mcp/mine"),
        ("jupyter-mcp/mine:latest", "jupyter-mcp/mine"),
        ("jupyter-mcp/mine:2", "jupyter-mcp/mine:2"),
        ("registry.test:5000/team/app:1.2", "registry.test:5000/team/app:1.2"),
    ],
)
def test_an_image_that_the_globs_allow_may_be_named(name: str, short: str) -> None:
    assert checked(name, GLOBS) == short


@pytest.mark.parametrize("name", ["debian", "other/jupyter-mcp/x", "registry.test:5000/team/app:2"])
def test_another_image_may_not(name: str) -> None:
    with pytest.raises(ToolError) as caught:
        checked(name, GLOBS)
    assert caught.value.code == "forbidden"
    assert "jupyter-mcp/*" in caught.value.remedy


@pytest.mark.parametrize(
    "name",
    ["", "Jupyter-mcp/X", "jupyter-mcp/", "jupyter-mcp/../x", "a b", "jupyter-mcp/" + "x" * 300],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ToolError) as caught:
        checked(name, ("**",))
    assert caught.value.code == "invalid_arguments"


@pytest.mark.parametrize("folder", ["My Project", "über", "---", "x" * 200, "a__b"])
def test_an_image_of_any_folder_has_a_name_that_may_be_used(folder: str) -> None:
    assert checked(of_folder(folder), GLOBS).startswith("jupyter-mcp/")


def test_the_name_of_a_shipped_image_is_not_given_to_another() -> None:
    with pytest.raises(ToolError) as caught:
        refuse_recipe("jupyter-mcp/dev")
    assert caught.value.code == "conflict"


def test_a_port_is_no_tag() -> None:
    assert split("registry.test:5000/a") == ("registry.test:5000/a", "latest")
    assert split("registry.test:5000/a:1") == ("registry.test:5000/a", "1")
