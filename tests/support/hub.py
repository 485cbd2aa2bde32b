"""A real JupyterHub with its proxy, a dummy login and single-user servers as processes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psutil

from support.server import Answer, wait_until

PROXY = (
    Path(__file__).resolve().parent.parent
    / "node/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
)
SCOPES = {
    "custom:mcp:read": {"description": "Read by MCP"},
    "custom:mcp:edit": {"description": "Edit by MCP", "subscopes": ["custom:mcp:read"]},
    "custom:mcp:execute": {"description": "Run by MCP", "subscopes": ["custom:mcp:edit"]},
    "custom:mcp:admin": {"description": "Manage MCP", "subscopes": ["custom:mcp:execute"]},
}


class Hub:
    """A Hub on loopback ports.

    Args:
        home: Where its files and the users' homes lie.
        users: The names that may log in.
        options: Arguments of the users' servers.
    """

    def __init__(self, home: Path, users: tuple[str, ...], options: tuple[str, ...] = ()) -> None:
        self.home = home
        self.options = options
        self.users = users
        self.admin_token = secrets.token_hex(16)
        self.port, self._hub_port, self._api_port = _free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "jupyterhub_config.py"
        config.write_text(self._config())
        with (self.home / "hub.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(config)],
                cwd=self.home,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._answers, seconds=90, what="the Hub is ready")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        for process in (psutil.Process(p.pid) for p in children if p.is_running()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(5)

    @property
    def log(self) -> str:
        """What the Hub and the users' servers have printed."""
        return (self.home / "hub.log").read_text(errors="replace")

    def start_server(self, user: str) -> None:
        """Start the server of `user` and return when it answers."""
        self.api("POST", f"users/{user}/server")
        token = self.token(user, [f"access:servers!user={user}"])
        wait_until(lambda: self._serves(user, token), seconds=90, what=f"the server of {user}")

    def stop_server(self, user: str) -> None:
        """Stop the server of `user` as the Hub does, and return when it is gone."""
        self.api("DELETE", f"users/{user}/server")
        wait_until(lambda: not self._processes(user), seconds=60, what=f"the end of {user}'s")

    def kill_server(self, user: str) -> None:
        """Kill the server of `user`, of which the Hub knows nothing."""
        for process in self._processes(user):
            process.kill()
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(10)

    def _processes(self, user: str) -> list[psutil.Process]:
        """Return the processes of a user's server."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            if process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            is_server = "jupyterhub.singleuser" in (process.info["cmdline"] or ())
            with contextlib.suppress(psutil.Error):
                if is_server and process.environ().get("HOME") == str(self.home_of(user)):
                    found.append(process)
        return found

    def home_of(self, user: str) -> Path:
        """Return the home folder of a user."""
        return self.home / "homes" / user

    def token(self, user: str, scopes: list[str]) -> str:
        """Return a new token of `user` with just these scopes."""
        body = {"note": "test", "expires_in": 3600, "scopes": scopes}
        minted: str = self.api("POST", f"users/{user}/tokens", body)["token"]
        return minted

    def mcp_url(self, user: str) -> str:
        """Return the MCP endpoint of the server of `user`."""
        return f"{self.url}/user/{user}/mcp"

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the Hub's own API, as an administrator."""
        request = urllib.request.Request(
            f"{self.url}/hub/api/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else b"",
            headers={"Authorization": f"token {self.admin_token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(
                f"the Hub ended with {self._process.returncode}:\n{self.log[-4000:]}"
            )
        try:
            self.api("GET", "users")
        except OSError:
            return False
        return True

    def _serves(self, user: str, token: str) -> bool:
        request = urllib.request.Request(
            f"{self.url}/user/{user}/api/status", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status == 200 and b"started" in answer.read()
        except OSError:
            return False

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_"))}
        scripts = str(Path(sys.executable).parent)
        return kept | {"PATH": f"{scripts}:{kept.get('PATH', '')}"}

    def _config(self) -> str:
        names = set(self.users)
        return f"""
c.JupyterHub.bind_url = "http://127.0.0.1:{self.port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{self._hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{self._api_port}"
c.ConfigurableHTTPProxy.command = ["node", {str(PROXY)!r}]
c.JupyterHub.db_url = "sqlite:///{self.home}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{self.home}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "test"
c.Authenticator.allowed_users = {names!r}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{self.home}/homes/{{username}}"
c.Spawner.cmd = [{sys.executable!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = {["--allow-root", *self.options]!r}
c.Spawner.environment = {{
    "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp",
    "JUPYTER_PREFER_ENV_PATH": "1",
}}
c.Spawner.default_url = "/"
c.JupyterHub.custom_scopes = {SCOPES!r}
c.JupyterHub.services = [{{"name": "tests", "api_token": {self.admin_token!r}}}]
c.JupyterHub.load_roles = [
    {{
        "name": "tests",
        "services": ["tests"],
        "scopes": [
            "admin:users", "admin:servers", "tokens", "access:servers", "custom:mcp:execute",
            "shares",
        ],
    }},
    {{"name": "user", "scopes": ["self", "custom:mcp:execute!user"]}},
    {{
        "name": "server",
        "scopes": ["users:activity!user", "access:servers!server", "custom:mcp:execute!user"],
    }},
]
"""


class UserServer:
    """The server of a user, as clients reach it through the Hub.

    Args:
        hub: The Hub.
        user: The user.
    """

    def __init__(self, hub: Hub, user: str) -> None:
        self.hub = hub
        self.user = user
        self.token = hub.token(user, [f"access:servers!user={user}"])

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to one HTTP request, also one that says what is wrong."""
        request = urllib.request.Request(
            f"{self.hub.url}/user/{self.user}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())


def _free_ports(count: int) -> tuple[int, ...]:
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = tuple(each.getsockname()[1] for each in held)
    for each in held:
        each.close()
    return ports
