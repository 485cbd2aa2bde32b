"""A real git server: ``git http-backend`` behind a small HTTP server, with a login if wanted."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

PERSON = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
}


def git(folder: Path, *arguments: str, **env: str) -> str:
    """Run git as a person does, and return what it prints."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder,
        env={**os.environ, **PERSON, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(folder: Path, **files: str) -> Path:
    """Make a repository with one commit of files, ``__`` in whose names stands for a dot."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for name, text in (files or {"readme__md": "hello\n"}).items():
        (folder / name.replace("__", ".")).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


class GitServer:
    """Serves the bare repositories in a folder.

    Args:
        folder: The folder.
        login: ``user:password`` that it wants; empty for none.
        address: The address of this machine that it listens on.
    """

    def __init__(self, folder: Path, login: str = "", address: str = "127.0.0.1") -> None:
        self.folder = folder
        self.login = login
        self.seen: list[str] = []
        """The logins that were shown, as ``user:password``; empty ones too."""
        self.redirect = ""
        """Where to send every request instead."""
        folder.mkdir(parents=True, exist_ok=True)
        self._server = ThreadingHTTPServer((address, 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def origin(self) -> str:
        """Such as ``http://127.0.0.1:1234``."""
        return "http://{}:{}".format(*self._server.server_address[:2])

    def add(self, name: str, **files: str) -> str:
        """Serve a new repository with one commit, and return its URL."""
        source = repository(self.folder / f"{name}-source", **files)
        bare = self.folder / f"{name}.git"
        git(self.folder, "clone", "--quiet", "--bare", str(source), str(bare))
        git(bare, "config", "http.receivepack", "true")
        return f"{self.origin}/{name}.git"

    def commit(self, name: str, **files: str) -> None:
        """Add a commit to a repository that is served, as somebody else does."""
        source = self.folder / f"{name}-source"
        bare = str(self.folder / f"{name}.git")
        git(source, "pull", "--quiet", "--ff-only", bare, "main")
        for file, text in files.items():
            (source / file.replace("__", ".")).write_text(text)
        git(source, "add", "--all")
        git(source, "commit", "--quiet", "-m", "theirs")
        git(source, "push", "--quiet", bare, "main")

    def log(self, name: str) -> list[str]:
        """Return the subjects of the commits that are served."""
        return git(self.folder / f"{name}.git", "log", "--format=%s", "main").splitlines()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a class of small methods
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self._body())

            def log_message(self, *_: Any) -> None:
                pass

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _serve(self, body: bytes) -> None:
                shown = self.headers.get("Authorization", "").removeprefix("Basic ")
                login = base64.b64decode(shown).decode()
                server.seen.append(login)
                if server.redirect:
                    self.send_response(302)
                    self.send_header("Location", server.redirect + self.path)
                    self.end_headers()
                elif server.login and login != server.login:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.end_headers()
                else:
                    self._answer(server.backend(self, body))

            def _answer(self, output: bytes) -> None:
                head, _, body = output.partition(b"\r\n\r\n")
                fields = [line.partition(": ") for line in head.decode().split("\r\n")]
                status = next((value for name, _, value in fields if name == "Status"), "200 OK")
                self.send_response(int(status.split()[0]))
                for name, _, value in fields:
                    if name != "Status":
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        return Handler

    def backend(self, request: BaseHTTPRequestHandler, body: bytes) -> bytes:
        """Run git's own server program for a request (CGI, RFC 3875)."""
        parts = urlsplit(request.path)
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": request.command,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "ann",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=env, capture_output=True, check=False
        )
        return done.stdout
