"""A web server for the inside of a sandbox, and a Jupyter server that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.server import JupyterServer, wait_until

PORT = 8123

PROGRAM = r'''
import base64, hashlib, json, socketserver, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><meta charset="utf-8"><title>inside</title>
<link rel="stylesheet" href="style.css"><p id="told">nothing</p>
<script src="script.js"></script>"""
SCRIPT = """
const told = {};
const tell = () => { document.getElementById("told").textContent = JSON.stringify(told); };
const attempt = async (name, work) => {
  try { told[name] = await work(); } catch (error) { told[name] = "refused: " + error.name; }
  tell();
};
const socket = () => new Promise((resolve, reject) => {
  const address = new URL("socket", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const ws = new WebSocket(address);
  ws.onopen = () => ws.send("hello");
  ws.onmessage = (event) => resolve(event.data);
  ws.onerror = () => reject(new Error("socket"));
});
const root = location.pathname.split("jupyter_mcp/")[0];
(async () => {
  await attempt("fetched", async () => (await (await fetch("data.json")).json()).answer);
  await attempt("posted", async () => {
    const headers = {"Content-Type": "application/json", "Authorization": "Bearer own"};
    const sent = {method: "PUT", body: JSON.stringify({a: 1}), headers};
    return (await (await fetch("echo", sent)).json()).headers.authorization;
  });
  await attempt("socket", socket);
  const reach = (path) => async () => (await fetch(root + path, {credentials: "include"})).status;
  await attempt("api", reach("api/contents"));
  await attempt("mcp", reach("jupyter_mcp/api/status"));
  await attempt("cookie", async () => document.cookie || "none");
  await attempt("storage", async () => localStorage.length);
  await attempt("opener", async () => window.origin);
  told.done = true; tell();
})();
"""

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, body, kind="text/plain", status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    def chunked(self):
        self.send_response(200); self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data)); self.wfile.flush()
    def pieces(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", 0))
            while left:
                data = self.rfile.read(min(left, 65536)); left -= len(data); yield data
    def serve(self):
        path = self.path.partition("?")[0]
        if path == "/":
            self.answer(PAGE.encode(), "text/html")
        elif path == "/style.css":
            self.answer(b"p { color: rgb(1, 2, 3) }", "text/css")
        elif path == "/script.js":
            self.answer(SCRIPT.encode(), "text/javascript")
        elif path == "/data.json":
            self.answer(b'{"answer": 42}', "application/json")
        elif path == "/echo":
            body = b"".join(self.pieces())
            told = {"method": self.command, "path": self.path, "size": len(body),
                    "sha": hashlib.sha256(body).hexdigest(),
                    "headers": {k.lower(): v for k, v in self.headers.items()}}
            self.answer(json.dumps(told).encode(), "application/json")
        elif path == "/back":
            self.chunked()
            for piece in self.pieces():
                self.chunk(piece)
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/big":
            self.chunked()
            for _ in range(320):
                self.chunk(b"x" * 65536)
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/slow":
            self.send_response(200); self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
            self.chunk(b"data: first\n\n")
            gate.wait(60); self.chunk(b"data: second\n\n"); self.wfile.write(b"0\r\n\r\n")
        elif path == "/hold":
            self.chunked(); self.chunk(b"held\n")
            if not self.connection.recv(1):
                released.set()
        elif path == "/released":
            self.answer(b"", status=200 if released.wait(0.2) else 503)
        elif path == "/gate":
            gate.set(); self.answer(b"open")
        elif path == "/broken":
            self.send_response(200); self.send_header("Content-Length", "1000"); self.end_headers()
            self.wfile.write(b"half"); self.close_connection = True
        elif path == "/junk":
            self.wfile.write(b"no http at all\r\n\r\n"); self.close_connection = True
        elif path == "/redirect":
            self.answer(b"", status=302, Location=self.path.partition("?to=")[2])
        elif path == "/evil":
            self.send_response(200)
            for line in ("Set-Cookie: _xsrf=evil; Path=/",
                         "Set-Cookie: mine=1; Path=/; Domain=localhost; HttpOnly",
                         "Clear-Site-Data: \"*\"", "Strict-Transport-Security: max-age=1",
                         "Content-Security-Policy: sandbox allow-same-origin allow-scripts",
                         "Access-Control-Allow-Origin: *", "Service-Worker-Allowed: /",
                         "Alt-Svc: h2=\"evil.test:443\"", "Content-Length: 0"):
                self.send_header(*line.split(": ", 1))
            self.end_headers()
        elif path == "/socket":
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            self.send_response(101)
            for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                ("Sec-WebSocket-Accept", accept)):
                self.send_header(name, value)
            self.end_headers()
            while head := self.rfile.read(2):
                size = head[1] & 127
                mask = self.rfile.read(4)
                data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
                if head[0] & 15 == 8:
                    self.wfile.write(bytes([0x88, len(data)]) + data); break
                back = b"back: " + data
                self.wfile.write(b"\x81" + bytes([len(back)]) + back); self.wfile.flush()
            self.close_connection = True
        else:
            self.answer(b"nothing here", status=404)
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve
    def log_message(self, *_):
        pass

gate, released = threading.Event(), threading.Event()
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''

SETTINGS = {"sandbox_min_isolation": "process", "sandbox_pool": 0}


class Shown:
    """A web server in a sandbox of a Jupyter server, and its exposed port."""

    def __init__(self, server: JupyterServer, backend: str) -> None:
        self.server = server
        self.cookies = ""
        made = self.call("sandbox_create", isolation=backend)
        self.sandbox: str = made["sandbox_id"]
        command = f"python3 -c '{PROGRAM.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}' {PORT}"
        self.terminal: str = self.call("terminal_open", sandbox_id=self.sandbox, command=command)[
            "terminal_id"
        ]
        self.exposed = wait_until(self._listening, seconds=20, what="the web server listens")
        self.path: str = self.exposed["path"]

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool as the person at the machine, who is asked nothing."""
        answer = self.server.request(
            "POST", f"jupyter_mcp/api/tools/{tool}", arguments, self.as_person, token=False
        )
        told = answer.json()
        assert not told.get("is_error"), told
        structured: dict[str, Any] = told["structured"]
        return structured

    @property
    def as_person(self) -> dict[str, str]:
        """The headers of the person at the machine."""
        key = next((self.server.home / "runtime").glob("jupyter-mcp-*.json"))
        return {"Authorization": f"Bearer {json.loads(key.read_text())['key']}"}

    def _listening(self) -> dict[str, Any] | None:
        exposed = self.call("port_expose", port=PORT, sandbox_id=self.sandbox)
        return exposed if exposed["listens"] else None


@contextmanager
def shown_inside(
    home: Path, backend: str = "bubblewrap", config: dict[str, Any] | None = None, **options: Any
) -> Iterator[Shown]:
    """Start a Jupyter server below a base URL, with a web server in a sandbox."""
    ours = {"JupyterMCP": {**SETTINGS, "sandbox_backends": [backend], **(config or {})}}
    with JupyterServer(
        home, collaboration=False, base_url="/user/ann/", config=ours, **options
    ) as server:
        shown = Shown(server, backend)
        try:
            yield shown
        finally:
            shown.call("sandbox_destroy", sandbox_id=shown.sandbox)


def below(url: str, base: str) -> str:
    """Return the path of an address below the base URL."""
    return urlsplit(url).path.removeprefix(base)
