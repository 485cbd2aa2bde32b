"""A real Docker engine of the tests' own, shared by all processes of all test runs at a time.

Its data stay in the cache folder of the account, so that images are built once for a machine. Each
process that uses it holds a shared lock; whoever lets go last stops it and takes away what dockerd
leaves behind: firewall rules and the bridge.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import pytest

from jupyter_mcp.toolsets.sandboxes.images.recipes import LABEL, recipe
from support.server import wait_until

MISSING = "Docker is not installed: apt-get install docker.io mmdebstrap (scripts/install_services)"
NETWORK = "10.210.0.1/24"
ALONE = ("--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false")
BUILD_SECONDS = 1500.0


def cache_folder() -> Path:
    """Return where the engine lives from one run to the next."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "jupyter-mcp-tests" / "engine"


@dataclass
class Engine:
    """A dockerd that answers on a socket in its own folder.

    Args:
        folder: Where its data, socket, log and locks lie.
        network: Address and mask of its bridge; empty for neither a bridge nor rules of a firewall,
            which lets it run beside another engine.
    """

    folder: Path
    network: str = NETWORK
    image: str = "jupyter-mcp/dev"
    desktop: str = "jupyter-mcp/desktop"
    _users: IO[str] | None = None

    @property
    def url(self) -> str:
        """What `docker_url` is set to."""
        return f"unix://{self.folder / 'docker.sock'}"

    @property
    def log(self) -> str:
        """The end of what it said."""
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._users = (self.folder / "users.lock").open("w")
        with self._turn():
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not self.answers():
                self.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._users is not None
        with self._turn(), self._users:
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # somebody else goes on with it
            self.stop()

    def start(self) -> None:
        """Start it and return when it answers."""
        if self.network:
            self._keep_firewall()
        # After a crash dockerd would take a zombie for its containerd, and wait for it in vain.
        for name in ("docker.sock", "docker.pid", "exec/containerd/containerd.pid"):
            (self.folder / name).unlink(missing_ok=True)
        bridge = ("--bip", self.network) if self.network else ALONE
        # Without a bridge dockerd deletes docker0 when it starts, which is another engine's.
        apart = () if self.network else ("unshare", "--net")
        command = [*apart, "dockerd", "--host", self.url, *bridge]
        for option, name in {
            "data-root": "data",
            "exec-root": "exec",
            "pidfile": "docker.pid",
        }.items():
            command += [f"--{option}", str(self.folder / name)]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        process.returncode = 0  # it outlives this process when another one goes on with it
        wait_until(self.answers, seconds=60, what=f"dockerd answers\n{self.log}")

    def stop(self) -> None:
        """End it as an administrator would and take away what it leaves on the machine."""
        self._signal(signal.SIGTERM)
        self._restore_firewall()
        # A dockerd that was killed leaves its folder mounted onto itself, each time once more.
        for mounted in reversed(self._mounts()):
            subprocess.run(["umount", "--lazy", mounted], check=False, capture_output=True)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)

    def answers(self) -> bool:
        """Whether it answers."""
        return self.docker("version", check=False).returncode == 0

    def docker(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Docker's own command."""
        environment = {**os.environ, "DOCKER_HOST": self.url}
        return subprocess.run(
            ["docker", *words], env=environment, check=check, capture_output=True, text=True
        )

    def ensure(self, image: str) -> None:
        """Build an image by our own recipe, as a user does, where it is not up to date."""
        if self._recipe_of(image) == recipe(image).digest:
            return
        jupyter = {
            f"JUPYTER_{name}_DIR": str(self.folder / "jupyter" / name.lower())
            for name in ("CONFIG", "DATA", "RUNTIME")
        }
        with self._turn():
            subprocess.run(
                [sys.executable, "-m", "jupyter_mcp.commands", "image", "build", image],
                env={**os.environ, **jupyter, "DOCKER_HOST": self.url},
                check=True,
                timeout=BUILD_SECONDS,
            )

    def _recipe_of(self, image: str) -> str:
        label = '{{index .Config.Labels "' + LABEL + '"}}'
        return self.docker("image", "inspect", "-f", label, image, check=False).stdout.strip()

    def _mounts(self) -> list[str]:
        """Return what is mounted below its folder, in the order in which it was."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        places = [line.split()[4] for line in lines]
        return [place for place in places if place.startswith(f"{self.folder}/")]

    def _signal(self, number: int) -> None:
        try:
            pid = int((self.folder / "docker.pid").read_text())
            os.kill(pid, number)
        except (OSError, ValueError):
            return
        wait_until(lambda: _is_over(pid), seconds=60, what="dockerd ends")

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with (self.folder / "turn.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _keep_firewall(self) -> None:
        saved = subprocess.run(["iptables-save"], check=True, capture_output=True)
        (self.folder / "firewall").write_bytes(saved.stdout)

    def _restore_firewall(self) -> None:
        """Take away the rules and the bridge that dockerd leaves behind when it ends."""
        saved = self.folder / "firewall"
        if saved.exists():
            subprocess.run(["iptables-restore"], input=saved.read_bytes(), check=True)
            subprocess.run(["ip", "link", "delete", "docker0"], check=False, capture_output=True)
            saved.unlink()


def _is_over(pid: int) -> bool:
    """Whether a process has ended, also where whoever started it has not asked for its end yet."""
    with contextlib.suppress(ChildProcessError):  # it is somebody else's child
        os.waitpid(pid, os.WNOHANG)
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def need_docker() -> None:
    """Skip where Docker cannot run; on CI that is a failure."""
    if shutil.which("dockerd") is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root: run the tests as root, or in a container")
