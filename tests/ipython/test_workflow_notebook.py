"""``%%workflow`` and ``%mcp workflow`` in a real kernel, with a real worker behind the server."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat.v4
import pytest

from support.server import jupyter_server
from support.sessions import Session, session

SPEC = """\
name: sums
parameters: {type: object, properties: {count: {type: integer}}}
nodes:
  - {id: one, kind: processing, expression: parameters.count + 1}
  - {id: ask, kind: approval, message: "Is it ${nodes.one.output}?"}
"""

ENDED = "magics.person.call('workflow_get', workflow_id=magics.workflows.last, wait=30)['status']"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A kernel whose magics talk to a server."""
    home = tmp_path_factory.mktemp("mill")
    with jupyter_server(home, collaboration=False) as server:
        env = {
            "JUPYTER_MCP_URL": f"{server.url}?toolsets=all",
            "JUPYTER_MCP_TOKEN": server.token,
            "JUPYTER_RUNTIME_DIR": str(server.home / "runtime"),  # of the person at this machine
        }
        with session(tmp_path_factory.mktemp("page"), env) as running:
            assert running.run("%load_ext jupyter_mcp").status == "ok"
            registry = "get_ipython().magics_manager.registry"
            running.run(f"magics = {registry}['McpMagics']")
            yield running


def test_a_cell_is_checked_started_watched_and_answered(page: Session) -> None:
    wrong = page.run("%%workflow\n" + SPEC.replace("approval", "aproval"))
    assert "line 5" in wrong.stdout
    assert "not right" in wrong.error["evalue"]
    assert "nothing is wrong" in page.run("%%workflow\n" + SPEC).plain
    view = page.run("%%workflow --run count=41\n" + SPEC)
    assert "application/vnd.jupyter.widget-view+json" in view.data[0]
    assert "workflow sums" in view.plain
    answered = page.run(
        "import time\n"
        "while 'waiting' not in str(magics.workflows.carry_out([])):\n"
        "    time.sleep(0.05)\n"
        "get_ipython().run_line_magic('mcp', f'workflow answer {magics.workflows.last} ask yes')"
    )
    assert answered.status == "ok", answered.error
    assert page.run(ENDED).plain == "'succeeded'"
    assert "succeeded  sums" in page.run("%mcp workflow list").plain


def test_without_widgets_it_is_a_table(page: Session) -> None:
    page.run("import sys; ours = [name for name in sys.modules if 'jupyter_mcp.widgets.' in name]")
    page.run("kept = {name: sys.modules.pop(name) for name in ours}")
    page.run("anywidget = sys.modules.pop('anywidget'); sys.modules['anywidget'] = None")
    shown = page.run("%mcp workflow show")
    page.run("sys.modules['anywidget'] = anywidget")
    page.run("sys.modules.update(kept)")
    assert "sums (wf-" in shown.plain, shown.error
    assert "approval" in shown.plain


def test_the_tagged_cells_of_a_notebook_run_as_a_workflow(page: Session) -> None:
    cells = [nbformat.v4.new_code_cell("6 * 7"), nbformat.v4.new_code_cell("first + 1")]
    for name, cell in zip(("first", "second"), cells, strict=True):
        cell.metadata.tags = [f"node:{name}"]
    text = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    page.run(f"open('nightly.ipynb', 'w').write({text!r})")
    page.run("kernel = magics.person.call('kernel_start')['kernel_id']")
    line = "f'workflow run nightly.ipynb kernel_id={kernel}'"
    view = page.run(f"get_ipython().run_line_magic('mcp', {line})")
    assert "workflow nightly" in view.plain
    assert page.run(ENDED).plain == "'succeeded'"
    nodes = "magics.person.call('workflow_get', workflow_id=magics.workflows.last)['nodes']"
    assert page.run(f"[node['output'] for node in {nodes}]").plain == "[42, 43]"


def test_ids_and_templates_are_completed(page: Session) -> None:
    done = page.run("get_ipython().Completer.use_jedi = False\n" + _completed("%mcp workflow sh"))
    assert "show" in done.stdout
    assert "wf-" in page.run(_completed("%mcp workflow cancel wf")).stdout
    assert "nightly-notebook" in page.run(_completed("%mcp workflow run night")).stdout


def _completed(line: str) -> str:
    return f"print(get_ipython().complete({line!r}))"
