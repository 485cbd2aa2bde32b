from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mcp import Client, ToolError
from support.sessions import Session, session


@pytest.fixture(autouse=True)
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account of the test's own, in a folder with one notebook, without any server."""
    for name in ("DATA", "RUNTIME", "CONFIG"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / ".jupyter" / name))
    monkeypatch.chdir(tmp_path)
    cell = new_code_cell("print(6 * 7)", id="answer")
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    yield
    assert not [t for t in threading.enumerate() if "jupyter-mcp" in t.name]


def test_without_a_server_the_tools_run_in_this_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(psutil.Process().children(recursive=True))
    with Client() as client:
        (notice,) = capsys.readouterr().err.splitlines()
        assert notice.startswith("No Jupyter server with the extension here")
        assert str(tmp_path) in notice
        assert {"cell_run", "job_get"} <= {tool.name for tool in client.tools()}
        result = client.call("cell_run", path="a.ipynb")
        assert "42" in result.text
        started = set(psutil.Process().children(recursive=True)) - before
        assert started
    saved = nbformat.read(tmp_path / "a.ipynb", 4)
    assert saved.cells[0].outputs[0].text == "42\n"
    assert not psutil.wait_procs(started, timeout=30)[1]


def test_edits_are_undone_and_errors_told() -> None:
    with Client() as client:
        client.call("cell_edit", path="a.ipynb", cell_id="answer", source="broken")
        client.call("notebook_undo", path="a.ipynb")
        found = client.call("cell_read", path="a.ipynb", cell_id="answer")
        assert found["source"] == "print(6 * 7)"
        with pytest.raises(ToolError) as caught:
            client.call("notebook_read", path="none.ipynb")
        assert caught.value.code == "not_found"
        with pytest.raises(ToolError) as caught:
            client.call("no_such_tool")
        assert caught.value.code == "not_found"


def test_a_failing_cell_is_a_result() -> None:
    with Client() as client:
        result = client.call("kernel_execute", code="1 / 0", path="a.ipynb")
    assert result.is_error
    assert result["error"]["ename"] == "ZeroDivisionError"


def test_input_is_asked_of_the_person() -> None:
    def ask(params: object) -> dict[str, object]:
        del params
        return {"action": "accept", "content": {"value": "Ada"}}

    with Client(on_ask=ask) as client:
        made = client.call("kernel_start")
        result = client.call(
            "kernel_execute", code="print('hi', input('name? '))", kernel_id=made["kernel_id"]
        )
    assert "hi Ada" in result.text


def test_a_client_can_refuse_to_run_without_a_server() -> None:
    with (
        pytest.raises(ToolError, match="No running Jupyter server was found"),
        Client(embedded=False),
    ):
        pytest.fail("it found a server")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Session]:
    with session(tmp_path) as running:
        running.run("%load_ext jupyter_mcp")
        yield running


def test_magics_without_a_server_say_so_once(page: Session) -> None:
    run = page.run("%mcp cell_run path=a.ipynb")
    assert run.stdout.startswith("No Jupyter server with the extension here")
    assert run.stdout.count("\n") == 1
    assert "42" in run.plain
    again = page.run("%mcp")
    assert not again.stdout
    assert "this process" in again.plain


def test_this_kernel_cannot_run_itself(page: Session) -> None:
    own = page.run(
        "from ipykernel.kernelapp import IPKernelApp\nfrom pathlib import Path\n"
        "print(Path(IPKernelApp.instance().connection_file).stem.removeprefix('kernel-'))"
    ).stdout.strip()
    run = page.run(f"%mcp kernel_execute code=1 kernel_id={own}")
    assert run.error["traceback"][0].startswith("unsupported: 'kernel_execute' would wait for this")


def test_completion_of_paths(page: Session) -> None:
    page.run("%mcp tools")
    assert page.complete("%mcp cell_run path=a") == ["%mcp cell_run path=a.ipynb"]


def test_ctrl_c_frees_the_kernel(page: Session) -> None:
    page.run("%config McpMagics.progress_after = 0.1")
    code = "import time\nprint('began', flush=True)\ntime.sleep(60)"
    body = "code: |\n  " + code.replace("\n", "\n  ")
    request = page.start(f"%%mcp kernel_execute path=a.ipynb\n{body}")
    page.wait_for(request, "began")
    page.interrupt()
    run = page.finish(request)
    assert run.error["traceback"] == ["cancelled: Cancelled; the server was told to stop it."]
    # On a busy machine the kernel may still be at it, of which the page is told in a line before.
    assert page.run("%mcp kernel_execute path=a.ipynb code=1+1").plain.splitlines()[-1] == "2"


def test_kernels_end_with_the_kernel_that_started_them(tmp_path: Path) -> None:
    with session(tmp_path) as page:
        page.run("%load_ext jupyter_mcp\n%mcp kernel_execute path=a.ipynb code=1")
        told = page.run("import os; print(os.getpid())").stdout
        started = psutil.Process(int(told)).children(recursive=True)
        assert started
    assert not psutil.wait_procs(started, timeout=30)[1]
