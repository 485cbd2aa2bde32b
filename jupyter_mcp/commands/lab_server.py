"""A JupyterLab of its own for the demo: real, and apart from everything that the person has.

Configuration, data and runtime files lie in a temporary folder, so the demo neither reads nor
changes the person's own. Works offline; the news and the extension manager are switched off.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.discovery import Server, servers_in

START_SECONDS = 90.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1
LOG_LINES = 20

_FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}


class LabServer:
    """A JupyterLab server in a process of its own.

    Args:
        root: The folder with the notebooks.
        home: A temporary folder for everything else.
        port: The port to try first; 0 for any free one.
    """

    def __init__(self, root: Path, home: Path, port: int = 0) -> None:
        self._root = root.resolve()
        self._home = home
        self._port = port
        self._token = secrets.token_urlsafe(24)
        self._log = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start it and return when it answers.

        Raises:
            ToolError: ``unavailable`` when it ended or did not answer, with the end of its log.
        """
        self._configure()
        words = ["-m", "jupyterlab", "--no-browser", f"--ServerApp.port={self._port}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, *words],
                cwd=self._home,
                env={**os.environ, **{name: str(self._home / f) for name, f in _FOLDERS.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            server = next(iter(servers_in(self._home / "runtime")), None)
            if server is not None and _answers(server):
                return server
            time.sleep(POLL_SECONDS)
        self.stop()
        raise ToolError("unavailable", f"JupyterLab did not start: {self._end_of_log()}")

    def stop(self) -> int:
        """Ask it to end and return its exit code; -9 when it had to be killed."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def wait(self) -> None:
        """Wait until it ends."""
        if self._process is not None:
            self._process.wait()

    def _configure(self) -> None:
        # jupyter_server_fileid opens its database in the data folder without making it.
        for folder in _FOLDERS.values():
            (self._home / folder).mkdir(parents=True, exist_ok=True)
        config = {
            "ServerApp": {
                "allow_root": True,
                "ip": "127.0.0.1",
                "root_dir": str(self._root),
                "jpserver_extensions": {"jupyter_mcp": True},
            },
            "IdentityProvider": {"token": self._token},
            "LabApp": {
                "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                "extension_manager": "readonly",
            },
        }
        (self._home / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
        settings = self._home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))

    def _end_of_log(self) -> str:
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def _answers(server: Server) -> bool:
    request = Request(  # noqa: S310 - a loopback address from the server's own runtime file
        f"{server.base_url}api/status", headers={"Authorization": f"token {server.token}"}
    )
    try:
        with urlopen(request, timeout=5):  # noqa: S310 - as above
            return True
    except (URLError, OSError):
        return False
