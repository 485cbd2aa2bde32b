"""A real Podman service of a test's own: root, runc, cgroupfs, and storage in a temporary folder.

Debian's crun does not run on a hybrid cgroup v1, and its defaults of rlimits are refused without
CAP_SYS_RESOURCE; so both are set here, as the page on sandboxes tells an administrator to.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

from support.server import wait_until

MISSING = "Podman is not installed: apt-get install podman catatonit (scripts/install_services)"
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
{init}
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
NO_INIT = 'init_path = "/there/is/no/catatonit"'


class Podman:
    """A service on a Unix socket.

    Args:
        has_init: Whether it finds catatonit, the init for containers.
    """

    def __init__(self, *, has_init: bool = True) -> None:
        self._configuration = CONFIGURATION.format(init="" if has_init else NO_INIT)
        self.folder = Path(tempfile.mkdtemp(prefix="jmp-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What `docker_url` is set to."""
        return f"unix://{self.folder / 'podman.sock'}"

    def __enter__(self) -> Self:
        (self.folder / "containers.conf").write_text(self._configuration)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command("system", "service", "--time=0", self.url),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, seconds=30, what="Podman's service answers")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=30)
        self.run("system", "reset", "--force")
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words: str) -> str:
        """Run Podman's own command on the same storage."""
        done = subprocess.run(
            self._command(*words),
            env=self._environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def _command(self, *words: str) -> list[str]:
        places = {"root": "root", "runroot": "run", "tmpdir": "tmp"}
        options = [f"--{option}={self.folder / name}" for option, name in places.items()]
        return ["podman", *options, *words]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CONTAINERS_CONF": str(self.folder / "containers.conf")}

    def _answers(self) -> bool:
        if not (self.folder / "podman.sock").exists():
            return False
        asked = ["docker", "-H", self.url, "version"]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0


def need_podman() -> None:
    """Skip where Podman cannot run; on CI that is a failure."""
    if shutil.which("podman") is None or shutil.which("runc") is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    if os.geteuid() != 0:
        pytest.skip("Podman's service of the tests needs root")
