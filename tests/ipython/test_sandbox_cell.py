"""``%mcp sandbox`` and ``%%sandbox`` in a real kernel, against a real server and sandboxes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.error import UsageError

from jupyter_mcp.ipython.sandbox_cell import read_line
from support.server import JupyterServer
from support.sessions import Session, session


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A notebook with a sandbox called ``lab``."""
    home = tmp_path_factory.mktemp("sandboxes")
    config = {"JupyterMCP": {"sandbox_backends": ["bubblewrap"], "sandbox_pool": 0}}
    with JupyterServer(home, collaboration=False, config=config) as server:
        env = {
            "JUPYTER_MCP_URL": server.url,
            "JUPYTER_MCP_TOKEN": server.token,
            "JUPYTER_RUNTIME_DIR": str(server.home / "runtime"),
        }
        with session(tmp_path_factory.mktemp("page"), env) as running:
            assert running.run("%load_ext jupyter_mcp").status == "ok"
            made = running.run("%mcp sandbox new lab")
            assert made.status == "ok", made.error
            yield running
            running.run("%mcp sandbox rm lab")


def test_the_level_is_shown(page: Session) -> None:
    shown = page.run("%mcp sandbox attach lab").plain
    assert "bubblewrap" in shown
    assert "lab" in page.run("%mcp sandbox list").plain


def test_a_cell_runs_inside(page: Session) -> None:
    run = page.run("%%sandbox lab\npwd\necho seen > file.txt\nls")
    assert run.status == "ok", run.error
    assert run.stdout.splitlines() == ["/workspace", "file.txt"]
    assert page.run("%%sandbox lab\ncat file.txt").stdout == "seen\n"


def test_without_a_name_it_is_the_notebooks_own(page: Session) -> None:
    assert page.run("%%sandbox\necho $((6*7))").stdout == "42\n"


def test_python_gets_the_cell_as_it_is(page: Session) -> None:
    cell = "%%sandbox lab --lang python\nname = 'it\\'s {braces} $HOME `x`'\nprint(name, 6 * 7)"
    assert page.run(cell).stdout == "it's {braces} $HOME `x` 42\n"


def test_a_failure_is_one_line_with_the_exit_code(page: Session) -> None:
    run = page.run("%%sandbox lab\necho before; exit 3")
    assert run.stdout == "before\n"
    assert run.error["traceback"] == ["failed: The cell ended with exit code 3 in 'lab'."]


def test_output_comes_while_the_cell_runs_and_stop_ends_it(page: Session) -> None:
    request = page.start("%%sandbox lab\necho begun; sleep 60; echo never")
    page.wait_for(request, "begun")
    page.interrupt()
    run = page.finish(request)
    assert "never" not in run.stdout
    assert "130" in run.error["traceback"][0]
    assert page.run("%%sandbox lab\npgrep -c sleep || true").stdout == "0\n"


def test_what_a_cell_starts_in_the_background_goes_on(page: Session) -> None:
    page.run("%%sandbox lab\nsleep 77 >/dev/null 2>&1 &\ntrue")
    assert page.run("%%sandbox lab\npgrep -fc 'slee[p] 77'").stdout == "1\n"
    page.run("%%sandbox lab\npkill -f 'slee[p] 77'")


def test_all_of_a_long_output_arrives(page: Session) -> None:
    wanted = [str(number) for number in range(1, 20_001)]
    assert page.run("%%sandbox lab\nseq 1 20000").stdout.split() == wanted


def test_an_unknown_sandbox_is_told(page: Session) -> None:
    run = page.run("%%sandbox nowhere\ntrue")
    assert run.error["traceback"][0].startswith("not_found:")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", ("", "sh")),
        ("lab", ("lab", "sh")),
        ("--lang python lab", ("lab", "python")),
        ("lab --lang sh", ("lab", "sh")),
    ],
)
def test_the_line_is_read(line: str, wanted: tuple[str, str]) -> None:
    assert read_line(line) == wanted


@pytest.mark.parametrize("line", ["a b", "--lang", "lab --lang ruby", "--quick lab", "'open"])
def test_another_line_is_refused_with_the_usage(line: str) -> None:
    with pytest.raises(UsageError, match="Write %%sandbox"):
        read_line(line)
