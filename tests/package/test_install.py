"""What pip installs: the wheel carries the built panel, and nobody needs Node.js to use or edit us.

Environments see the packages of the one that runs the tests, ours excepted, so that only our own
distribution is installed anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns, which

import pytest

pytestmark = [pytest.mark.package, pytest.mark.timeout(600)]

PROJECT = Path(__file__).resolve().parent.parent.parent
PANEL = "share/jupyter/labextensions/jupyter-mcp-workbench"
VIEWS = [f"jupyter_mcp/widgets/static/{name}" for name in ("terminal.js", "screen.js")]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MAGIC = """\
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic('load_ext', 'jupyter_mcp')
assert 'mcp' in shell.magics_manager.magics['line']
import jupyter_mcp
print(jupyter_mcp.__file__)
"""


class Environment:
    """A virtual environment with no Node.js on its path.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        made = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(made, check=True, timeout=120)
        site = next((folder / "lib").glob("python*/site-packages"))
        # The other packages are found behind this one's own.
        (site / "behind.pth").write_text("".join(f"{path}\n" for path in _site_packages()))
        tools = folder / "tools"
        tools.mkdir()
        for name in ("git", "sh", "env", "uname"):
            if found := which(name):
                (tools / name).symlink_to(found)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "COVERAGE"))},
            "PATH": f"{self.bin}:{tools}",
            "HOME": str(folder),
            "JUPYTER_NO_CONFIG": "1",
        }

    def python(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run Python and return what it said."""
        done = subprocess.run(
            [str(self.bin / "python"), *arguments],
            cwd=cwd or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def install(self, *what: str) -> None:
        """Install without dependencies: they are there already."""
        self.python("-m", "pip", "install", "--no-deps", "--ignore-installed", *what)


def _site_packages() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]


def assert_server_extension(environment: Environment) -> None:
    """Assert what `jupyter server extension list` says, run by the environment's own Python."""
    said = environment.python("-m", "jupyter_server.extension.serverextension", "list")
    lines = [" ".join(line.split()) for line in COLOURS.sub("", said).splitlines()]
    assert "jupyter_mcp enabled" in lines
    assert "jupyter_mcp OK" in [re.sub(r" \d\S*", "", line) for line in lines]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git would clone, with changes that are not committed yet."""
    target = tmp_path_factory.mktemp("checkout")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, names.stdout.split("\0")):
        source = PROJECT / name
        if source.is_file() and not name.startswith(("tests/", "docs/")):
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    return target


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution and the wheel, made from a clean checkout with Node.js."""
    target = tmp_path_factory.mktemp("dist")
    build = "from hatchling import build; import sys; print(build.build_{}(sys.argv[1]))"
    for kind in ("sdist", "wheel"):
        command = [sys.executable, "-c", build.format(kind), str(target)]
        done = subprocess.run(
            command,
            cwd=checkout,
            env={**os.environ, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("wheel") / "venv")
    environment.install(str(next(built.glob("*.whl"))))
    return environment


def test_a_wheel_carries_the_panel_and_what_jupyter_looks_for(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = [name.partition(".data/data/")[2] or name for name in wheel.namelist()]
    assert f"{PANEL}/package.json" in names
    assert f"{PANEL}/install.json" in names
    assert any(name.startswith(f"{PANEL}/static/remoteEntry.") for name in names)
    assert "etc/jupyter/jupyter_server_config.d/jupyter_mcp.json" in names
    assert {"jupyter_mcp/py.typed", "jupyter_mcp/notebooks/demo.ipynb"} <= set(names)
    sandboxes = "jupyter_mcp/toolsets/sandboxes"
    assert {f"{sandboxes}/agent/resident.py", f"{sandboxes}/images/dev.Dockerfile"} <= set(names)
    assert set(VIEWS) <= set(names)
    assert not [name for name in names if name.endswith((".ts", ".tsx"))]


def test_a_source_distribution_needs_no_node_to_build(built: Path, tmp_path: Path) -> None:
    source = next(built.glob("*.tar.gz"))
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert "jupyter_mcp/_labextension/static/style.js" in names
    assert "labextension/src/index.ts" in names
    assert set(VIEWS) <= names
    subprocess.run(["tar", "-xzf", str(source), "-C", str(tmp_path)], check=True, timeout=60)
    environment = Environment(tmp_path / "venv")
    folder = tmp_path / source.name.removesuffix(".tar.gz")
    build = "from hatchling import build; print(build.build_wheel('.'))"
    environment.python("-c", build, cwd=folder)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        assert any(f"{PANEL}/static/remoteEntry." in name for name in wheel.namelist())


def test_jupyter_finds_both_extensions_of_the_wheel(installed: Environment) -> None:
    panels = installed.python("-m", "jupyterlab.labextensions", "list")
    line = next(line for line in panels.splitlines() if "jupyter-mcp-workbench" in line)
    assert "enabled" in line
    assert "OK" in line
    assert_server_extension(installed)


def test_the_magics_load_from_the_wheel(installed: Environment) -> None:
    assert str(installed.folder) in installed.python("-c", MAGIC)


def test_the_command_works_from_the_wheel(installed: Environment) -> None:
    assert "demo" in installed.python(str(installed.bin / "jupyter-mcp"), "--help")


def test_an_editable_install_needs_no_node(checkout: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    copytree(checkout, bare, ignore=ignore_patterns("_labextension", "node_modules"))
    environment = Environment(tmp_path / "venv")
    environment.install("--no-build-isolation", "-e", str(bare))
    assert_server_extension(environment)
    assert str(bare) in environment.python("-c", MAGIC)


def test_an_editable_install_can_be_made_again_where_the_panel_is_linked(
    checkout: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    copytree(checkout, bare, ignore=ignore_patterns("_labextension", "node_modules"))
    panel = bare / "jupyter_mcp" / "_labextension"
    (panel / "static").mkdir(parents=True)
    (panel / "package.json").write_text("{}")
    environment = Environment(tmp_path / "venv")
    link = environment.folder / PANEL
    link.parent.mkdir(parents=True)
    link.symlink_to(panel)  # as `jupyter-builder develop` makes it
    for _ in range(2):
        environment.install("--no-build-isolation", "-e", str(bare))
    assert (panel / "install.json").is_file()
