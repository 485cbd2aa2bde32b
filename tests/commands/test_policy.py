"""``jupyter mcp policy`` and a policy in force on a real server, in both eras and at every door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from support.clients import connected
from support.clients_of_ours import ask
from support.commands import run
from support.server import JupyterServer, wait_until

POLICY = """\
version: 1
subjects:
  - {who: "token:watcher", roles: [viewer]}
roles:
  student:
    extends: [viewer]
    rules:
      - allow: {scope: [edit, execute], resource: "course/*"}
"""


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    home = tmp_path_factory.mktemp("ruled")
    file = home / "policy.yaml"
    file.write_text(POLICY)
    config: dict[str, Any] = {"JupyterMCP": {"policy_file": str(file)}}
    with JupyterServer(home, collaboration=False, config=config) as server:
        for name in ("course/a.ipynb", "secret/b.ipynb", "c.ipynb"):
            place = server.root / name
            place.parent.mkdir(exist_ok=True)
            nbformat.write(nbformat.v4.new_notebook(), place)
        yield server


def token(server: JupyterServer, name: str, **options: Any) -> dict[str, str]:
    given = {"scopes": ["read", "edit", "execute"], "name": name, "expires": "1h", **options}
    made = ask(server, "token_create", **given)
    return {"Authorization": f"Bearer {made['access_token']}"}


def test_explain_names_file_and_line(ruled: JupyterServer) -> None:
    words = ("policy", "explain", "role:student", "cell_edit")
    done = run(ruled, *words, "path=course/a.ipynb", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["effect"], told["line"]) == ("allow", 8)
    assert told["file"].endswith("policy.yaml")
    line = run(ruled, *words, "path=secret/b.ipynb").stdout
    assert line.startswith("deny: 'cell_edit' for role:student [student] by default")


def test_show_and_check(ruled: JupyterServer, tmp_path: Path) -> None:
    shown = run(ruled, "policy", "show").stdout
    assert "token:watcher: viewer" in shown
    assert "Role student extends viewer\n  allow scope: edit, execute; resource: course/*" in shown
    assert f"({ruled.home}/policy.yaml:8)" in shown
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\ndefault: viewr\n")
    done = run(ruled, "policy", "check", str(bad))
    assert done.returncode == 1
    assert "bad.yaml:2: There is no role 'viewr'." in done.stderr
    assert "viewer" in done.stderr
    assert run(ruled, "policy", "check", str(ruled.home / "policy.yaml")).returncode == 0


@pytest.mark.parametrize("words", [(), ("explain",), ("explain", "ann"), ("check", "/nowhere")])
def test_wrong_words_are_told(ruled: JupyterServer, words: tuple[str, ...]) -> None:
    done = run(ruled, "policy", *words)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_without_a_server_it_works_on_the_settings(tmp_path: Path, ruled: JupyterServer) -> None:
    nothing = {"JUPYTER_RUNTIME_DIR": str(tmp_path)}
    words = ("policy", "explain", "role:editor", "cell_edit")
    done = run(ruled, *words, "--root", str(tmp_path), env=nothing, cwd=tmp_path)
    assert done.stdout.startswith("allow: 'cell_edit' for role:editor"), done.stderr


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_viewer_sees_and_does_no_more_than_reading(ruled: JupyterServer, mode: str) -> None:
    headers = token(ruled, "watcher")
    async with connected(ruled, mode, headers=headers) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        refused = await client.call_tool("cell_insert", {"path": "c.ipynb", "source": "1"})
        read = await client.call_tool("notebook_read", {"path": "c.ipynb"})
    assert "notebook_read" in names
    assert not names & {"cell_edit", "cell_run", "kernel_start", "job_cancel"}
    assert refused.is_error
    assert "needs the scope 'edit'" in refused.content[0].text
    assert not read.is_error


async def test_a_token_for_a_course_sees_the_course_and_its_kernels(ruled: JupyterServer) -> None:
    headers = token(ruled, "student", notebooks=["course/*"])
    mine = ask(ruled, "kernel_start", path="course/a.ipynb")["kernel_id"]
    others = ask(ruled, "kernel_start", path="secret/b.ipynb")["kernel_id"]
    lonely = ask(ruled, "kernel_start")["kernel_id"]
    async with connected(ruled, headers=headers) as client:

        async def call(name: str, **arguments: Any) -> Any:
            result = await client.call_tool(name, arguments)
            return None if result.is_error else result.structured_content

        top = await call("notebook_list")
        assert [each["path"] for each in top["notebooks"]] == []
        assert top["folders"] == ["course"]
        course = await call("notebook_list", path="course")
        assert [each["path"] for each in course["notebooks"]] == ["course/a.ipynb"]
        assert not (await call("notebook_list", path="secret"))["notebooks"]
        listed = (await call("kernel_list"))["kernels"]
        assert [kernel["kernel_id"] for kernel in listed] == [mine]
        assert await call("kernel_execute", code="1", kernel_id=mine)
        assert await call("notebook_read", path="course/a.ipynb")
        root = str(ruled.root)
        for path in ("secret/b.ipynb", "course/../c.ipynb", f"{root}/course/../secret/b.ipynb"):
            assert await call("notebook_read", path=path) is None
            assert await call("kernel_execute", code="1", path=path) is None
        for kernel in (others, lonely):
            assert await call("kernel_execute", code="1", kernel_id=kernel) is None
            assert await call("variables_list", kernel_id=kernel) is None
            assert await call("kernel_interrupt", kernel_id=kernel) is None
        assert await call("kernel_start") is None
        uris = {str(link.uri) for link in (await client.list_resources()).resources}
        assert uris == set()
        assert (await client.read_resource("notebook://course/a.ipynb")).contents
        for uri in ("notebook://c.ipynb", "notebook://course/..%2Fc.ipynb"):
            with pytest.raises(Exception, match=r"not for this token|no resource"):
                await client.read_resource(uri)


def test_a_changed_policy_is_in_force_without_a_restart(ruled: JupyterServer) -> None:
    file = ruled.home / "policy.yaml"
    headers = token(ruled, "changing")

    def tools() -> set[str]:
        answer = ruled.request("GET", "jupyter_mcp/api/tools", headers=headers, token=False)
        return {tool["name"] for tool in answer.json()["tools"]}

    assert "cell_edit" in tools()
    file.write_text(POLICY.replace("token:watcher", "token:chang*"))
    try:
        wait_until(lambda: "cell_edit" not in tools(), seconds=30, what="the policy is in force")
        path = "jupyter_mcp/api/tools/cell_edit"
        body = {"path": "c.ipynb", "cell_id": "x", "source": "1"}
        assert ruled.request("POST", path, body, headers, token=False).status == 403
    finally:
        file.write_text(POLICY)
