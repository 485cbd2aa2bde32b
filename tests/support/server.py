"""A real Jupyter server in a process of its own, for tests that want to be users.

Everything a user would own (configuration, data, runtime files, IPython profile, Lab settings)
lives in one temporary folder, so a test never reads or changes the machine it runs on. The server
is ready when it answers over HTTP, never after a fixed wait, and stopping asserts what a user
would want: the process ends with 0 and leaves no child behind.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urlsplit

import psutil

from support.left_workers import end_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

START_SECONDS = 90.0
STOP_SECONDS = 60.0
COLLABORATION = ("jupyter_server_ydoc", "jupyter_server_fileid")
COLLABORATION_UI = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")


def wait_until(
    done: Callable[[], Any], *, seconds: float, what: str, interval: float = 0.05
) -> Any:
    """Poll ``done`` until it returns something true and return that.

    Raises:
        TimeoutError: after ``seconds``, naming ``what`` was awaited.

    """
    deadline = time.monotonic() + seconds
    while True:
        if found := done():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(interval)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class JupyterServer:
    """One ``jupyter_server`` (or ``jupyterlab`` with ``lab=True``) on a free loopback port.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:
        home: a temporary folder; everything the server writes goes below it.
        collaboration: live documents through jupyter-collaboration, on or off.
        lab: serve the JupyterLab interface, quiet (no news, no extension manager).
        base_url: the prefix of all URLs, with slashes at both ends.
        root: the folder with the notebooks; ``home / "root"`` unless given.
        port: 0 takes a free one.
        config: more configuration, as in ``jupyter_server_config.json``.
        args: more command-line arguments.
        env: more environment variables; ``None`` removes one.

    """

    def __init__(
        self,
        home: Path,
        *,
        collaboration: bool = True,
        lab: bool = False,
        base_url: str = "/",
        root: Path | None = None,
        port: int = 0,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        args: tuple[str, ...] = (),
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        self.home = home
        self.collaboration = collaboration
        self.lab = lab
        self.base_url = base_url
        self.root = root or home / "root"
        self.port = port
        self.token = secrets.token_hex(16)
        self.url = ""
        self.log_file = home / "server.log"
        self._config = dict(config or {})
        self._args = args
        self._env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(check=kind is None)

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def mcp_url(self) -> str:
        """The MCP endpoint."""
        return f"{self.url}mcp"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an authenticated request."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the server: what a command on the same account would need too."""
        kept = {name: value for name, value in os.environ.items() if not _is_jupyters(name)}
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        kept.update({name: str(self.home / folder) for name, folder in folders.items()})
        for name, value in self._env.items():
            kept.pop(name, None)
            if value is not None:
                kept[name] = value
        return kept

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            RuntimeError: when it ended before that, with the end of its log.
            TimeoutError: when it did not answer within 90 s.

        """
        self.root.mkdir(parents=True, exist_ok=True)
        # jupyter_server_fileid opens its database there without making the folder.
        (self.home / "data").mkdir(parents=True, exist_ok=True)
        self._write_settings()
        module = "jupyterlab" if self.lab else "jupyter_server"
        command = [sys.executable, "-m", module, f"--ServerApp.port={self.port}", *self._args]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._is_ready, seconds=START_SECONDS, what="the Jupyter server is ready")
        except BaseException:
            self.kill()
            raise

    def stop(self, *, check: bool = True) -> None:
        """Send SIGTERM and wait; with ``check`` assert a clean end without children left."""
        if self._process is None:
            return
        children = _children(self._process.pid)
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._process = None
        left = psutil.wait_procs(children, timeout=15)[1]
        for child in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        if check:
            assert code == 0, f"the server ended with {code}:\n{self.log[-4000:]}"
            assert not left, f"the server left {left} behind"

    def kill(self) -> None:
        """End the server and its children at once, as a crash would."""
        if self._process is None:
            return
        children = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._process = None
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: bool = True,
    ) -> Answer:
        """One HTTP request to ``path`` below the base URL, with the token unless told otherwise.

        ``body`` is sent as it is when it is bytes, else as JSON.
        """
        sent = {**(self.headers if token else {}), **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request(method, self.base_url + path.lstrip("/"), body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def page(self, path: str, **query: str) -> str:
        """The address for a browser that logs in by the token."""
        return f"{self.url}{path.lstrip('/')}?{urlencode({'token': self.token, **query})}"

    def _is_ready(self) -> bool:
        process = self._process
        assert process is not None
        if process.poll() is not None:
            end = self.log[-4000:]
            raise RuntimeError(f"the server ended with {process.returncode}:\n{end}")
        info = self.home / "runtime" / f"jpserver-{process.pid}.json"
        try:
            self.port = json.loads(info.read_text())["port"]
            self.url = f"http://127.0.0.1:{self.port}{self.base_url}"
            return self.request("GET", "api/status").status == http.client.OK
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def _write_settings(self) -> None:
        extensions: dict[str, bool] = {}
        if not self.collaboration:
            extensions |= dict.fromkeys(COLLABORATION, False)
            self._put(
                "config/labconfig/page_config.json",
                {"disabledExtensions": dict.fromkeys(COLLABORATION_UI, True)},
            )
        if not self.lab:
            extensions |= dict.fromkeys(("jupyterlab", "jupyter_lsp", "notebook_shim"), False)
        config: dict[str, dict[str, Any]] = {
            "ServerApp": {
                "allow_root": True,
                "base_url": self.base_url,
                "ip": "127.0.0.1",
                "jpserver_extensions": extensions,
                "open_browser": False,
                "port_retries": 0,
                "root_dir": str(self.root),
            },
            "IdentityProvider": {"token": self.token},
            "LabApp": {
                "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                "expose_app_in_browser": True,
                "extension_manager": "readonly",
            },
        }
        for name, values in self._config.items():
            config[name] = {**config.get(name, {}), **values}
        self._put("config/jupyter_server_config.json", config)
        self._put(
            "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings",
            {"fetchNews": "false", "checkForUpdates": False},
        )

    def _put(self, name: str, content: Mapping[str, Any]) -> None:
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1))


@contextlib.contextmanager
def jupyter_server(home: Path, **options: Any) -> Iterator[JupyterServer]:
    """A started :class:`JupyterServer`, for a ``with`` block or a fixture; it leaves no worker."""
    try:
        with JupyterServer(home, **options) as server:
            yield server
    finally:
        end_workers(home)


def port_of(url: str) -> int:
    """The port of a URL that names one."""
    port = urlsplit(url).port
    assert port is not None, f"no port in {url}"
    return port


def _is_jupyters(name: str) -> bool:
    return name.startswith(("JUPYTER", "JPY_", "IPYTHON"))


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
