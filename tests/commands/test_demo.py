from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from jupyter_mcp.commands import demo_story
from jupyter_mcp.commands.demo import DemoApp
from support.commands import command

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_the_demo_does_what_it_says(tmp_path: Path) -> None:
    done = subprocess.run(
        command("demo", "--output=made"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All steps did what they should." in done.stdout
    assert done.stdout.count("  ok\n") == 11
    cells = json.loads((tmp_path / "made" / "demo.ipynb").read_text())["cells"]
    assert [cell["id"] for cell in cells][:6] == [
        "title",
        "read-data",
        "weekdays",
        "plot",
        "how-sure",
        "bootstrap",
    ]
    assert len(cells) == 7
    assert {file.name for file in (tmp_path / "made").iterdir()} >= {"demo.ipynb", "bicycles.csv"}
    assert list(tmp_path.iterdir()) == [tmp_path / "made"]


def test_a_step_that_goes_wrong_fails_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_story, "FIXED", 'rides.groupby("nothing")')
    app = DemoApp(output=str(tmp_path))
    app.start()
    assert app.exit_code == 1
    told = capsys.readouterr().out
    assert "FAIL" in told
    assert "The demo FAILED." in told
    assert "stopped" in told


def test_keep_leaves_the_server_running_until_ctrl_c(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("demo", "--keep"), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "Ctrl-C" in line:
                break
        url = re.search(r"is yours: (\S+)", told)
        assert url, told
        with urlopen(url[1], timeout=30) as page:
            assert page.status == 200
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped" in rest
    assert not psutil.wait_procs(children, timeout=30)[1]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mcp.commands.demo.NEEDED", ("no_such_package",))
    app = DemoApp()
    app.start()
    assert app.exit_code == 1


def test_the_notebook_in_the_repository_has_never_run() -> None:
    for cell in json.loads((NOTEBOOKS / "demo.ipynb").read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
