"""The door of a real server, by raw bytes: nobody gets in by a header, a path or a query."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from jupyter_mcp.server.routes import ROUTES
from support.clients import modern_request
from support.fuzzing import HEADER, JSON, TEXT, fuzz, mutated
from support.plugins import plugin_environment
from support.server import Answer, JupyterServer

ALLOWED = "https://friend.test"
API = "jupyter_mcp/api"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server whose log must say nothing of failures at the end."""
    home = tmp_path_factory.mktemp("house")
    environment = plugin_environment(home, probe="support.probe:Probe")
    options = {"JupyterMCP": {"max_body_bytes": 100_000, "allow_origins": [ALLOWED]}}
    with JupyterServer(home, collaboration=False, env=environment, config=options) as server:
        body, headers = modern_request("tools/list")
        assert server.request("POST", "mcp", body, headers).status == 200
        yield server
        assert not failures(server.log)


def failures(log: str) -> list[str]:
    """Return the tracebacks in a log that came through code of ours; Jupyter has some of its own.

    Its page for what is not there cannot tell of a method that HTTP does not know, for one.
    """
    found = [re.split(r"\n\[", piece, maxsplit=1)[0] for piece in log.split("Traceback")[1:]]
    return [piece for piece in found if re.search(r'File "[^"]*/jupyter_mcp/', piece)]


def send(
    server: JupyterServer, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Send bytes as they are, on a connection of their own, and read what comes."""
    lines = {"Host": f"127.0.0.1:{server.port}", "Content-Length": str(len(body)), **headers}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    head = f"{method} /{path} HTTP/1.1\r\nConnection: close\r\n{text}\r\n".encode("latin-1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head + body)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    top, _, rest = received.partition(b"\r\n\r\n")
    status, *fields = top.decode("latin-1").split("\r\n")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in fields)}
    return Answer(int(status.split()[1]), found, rest)


def check(answer: Answer) -> None:
    """Assert that an answer is none of a failure, and JSON where it says so."""
    assert answer.status < 500, answer.body
    chunked = answer.headers.get("transfer-encoding") == "chunked"
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    if is_json and answer.body and not chunked:
        json.loads(answer.body)
    assert b"Traceback" not in answer.body


PLACES = [
    (method, path)
    for path, methods in (
        ("mcp", ("POST", "GET", "DELETE")),
        ("mcp/ws", ("GET",)),
        (f"{API}/tools", ("GET",)),
        (f"{API}/tools/probe_echo", ("POST",)),
        (f"{API}/calls/0", ("GET",)),
        (f"{API}/calls/0/cancel", ("POST",)),
        (f"{API}/status", ("GET",)),
        (f"{API}/openapi.json", ("GET",)),
        ("jupyter_mcp/panel", ("GET",)),
        ("jupyter_mcp/sandboxes/sb-0/ports/80/", ("GET", "POST", "PUT")),
    )
    for method in methods
]
CREDENTIALS = st.tuples(
    st.sampled_from(
        ["Bearer ", "bearer ", "token ", "Basic ", "Digest ", "", "Bearer", "Bearer\t"]
    ),
    HEADER
    | st.sampled_from(
        ["jmcp-person-", "jmcp-token-x", "jmcp-refresh-x", "eyJhbGciOiJub25lIn0.e30."]
    ),
).map("".join)


@fuzz(share=0.5, place=st.sampled_from(PLACES), shown=CREDENTIALS)
def test_no_made_up_credential_gets_in(
    house: JupyterServer, place: tuple[str, str], shown: str
) -> None:
    answer = send(house, *place, {"Authorization": shown})
    check(answer)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer resource_metadata=")


@fuzz(share=0.5, place=st.sampled_from(PLACES), cookie=HEADER | st.just("_xsrf=1; username=x"))
def test_no_made_up_cookie_gets_in(
    house: JupyterServer, place: tuple[str, str], cookie: str
) -> None:
    answer = send(house, *place, {"Cookie": cookie, "X-XSRFToken": "1"})
    check(answer)
    assert answer.status in (401, 403)


ORIGINS = HEADER | st.sampled_from(
    [
        "null",
        "http://127.0.0.1.evil.test",
        "http://[",
        "https://friend.test.evil.test",
        "https://friend.test@evil.test",
        "https://evil.test/#https://friend.test",
        "http://127.0.0.1:1",
        "http://localhost",
        "file://",
    ]
)


@fuzz(share=0.5, place=st.sampled_from(PLACES), origin=ORIGINS)
def test_no_foreign_page_gets_in(house: JupyterServer, place: tuple[str, str], origin: str) -> None:
    same = origin.strip().lower().rstrip("/")
    assume(
        same not in (ALLOWED, f"http://127.0.0.1:{house.port}", f"https://127.0.0.1:{house.port}")
    )
    answer = send(house, *place, {**house.headers, "Origin": origin})
    check(answer)
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


HOSTS = HEADER | st.sampled_from(
    [
        "evil.test",
        "127.0.0.1.evil.test",
        "127.0.0.1@evil.test",
        "[::1",
        "[::ffff:8.8.8.8]",
        "0",
        ".",
    ]
)


@fuzz(share=0.5, place=st.sampled_from(PLACES), host=HOSTS)
def test_no_foreign_host_gets_in(house: JupyterServer, place: tuple[str, str], host: str) -> None:
    answer = send(house, *place, {**house.headers, "Host": host})
    check(answer)
    assert answer.status in (400, 403)


QUERIES = (
    st.lists(TEXT | st.sampled_from(["all", "jobs", "notebooks", "probe", "trust"]), max_size=4)
    .map(",".join)
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
    .map(lambda data: "".join(f"%{byte:02x}" for byte in data))
) | st.text("abz%&=;+,.all0123456789", max_size=20)


@fuzz(share=0.5, query=QUERIES, path=st.sampled_from([f"{API}/tools", f"{API}/openapi.json"]))
def test_any_selection_of_toolsets_is_there_or_not(
    house: JupyterServer, query: str, path: str
) -> None:
    answer = send(house, "GET", f"{path}?toolsets={query}", house.headers)
    check(answer)
    assert answer.status in (200, 400, 404)


@fuzz(share=0.5, query=QUERIES)
def test_any_selection_at_the_mcp_door(house: JupyterServer, query: str) -> None:
    body, headers = modern_request("tools/list")
    sent = {**house.headers, **headers, "Content-Type": "application/json"}
    answer = send(house, "POST", f"mcp?toolsets={query}", sent, json.dumps(body).encode())
    check(answer)
    assert answer.status in (200, 400)


NAMED = st.sampled_from([f"{API}/tools/", f"{API}/calls/", "mcp/", ".well-known/", ""])
TAILS = st.text("ab/.%2e5cf0~*?#_-svg", max_size=24) | st.sampled_from(
    ["..%2f..%2fetc%2fpasswd", "%00", "%ff", "a.svg", "..svg", "%2e%2e%2fextension.svg"]
)


@fuzz(
    share=0.5,
    method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "BREW"]),
    path=NAMED,
    tail=TAILS,
)
def test_any_path_is_there_or_not(house: JupyterServer, method: str, path: str, tail: str) -> None:
    headers = {**house.headers, "Content-Type": "application/json"}
    answer = send(house, method, path + tail, headers, b"{}" if method == "POST" else b"")
    assert answer.status < 500 or path not in (f"{API}/tools/", f"{API}/calls/", "mcp/")
    assert b"root:" not in answer.body


NAMES = """
    Accept Content-Type Idempotency-Key Mcp-Session-Id User-Agent X-XSRFToken Cookie Range Upgrade
    Transfer-Encoding Content-Encoding Expect X-Forwarded-For Mcp-Method Mcp-Name Last-Event-ID
    MCP-Protocol-Version Access-Control-Request-Headers Sec-WebSocket-Protocol Sec-WebSocket-Version
"""
FIELDS = st.dictionaries(
    st.sampled_from(NAMES.split()),
    HEADER | st.sampled_from(["application/json", "chunked", "gzip", "websocket", "100-continue"]),
    max_size=4,
)


@fuzz(share=0.5, place=st.sampled_from(PLACES), fields=FIELDS)
def test_odd_headers_break_nothing(
    house: JupyterServer, place: tuple[str, str], fields: dict[str, str]
) -> None:
    assume("chunked" not in fields.get("Transfer-Encoding", ""))  # it waits for the rest
    body = b'{"text": "x"}' if place[0] == "POST" else b""
    assume(fields.get("Accept", "") == "" or place != ("GET", "mcp"))  # may be a stream
    check(send(house, *place, {**house.headers, **fields}, body))


TOOLS = ["probe_echo", "probe_add", "probe_region", "notebook_read", "cell_insert", "job_get"]


@fuzz(
    name=st.sampled_from(TOOLS),
    given=JSON | mutated(st.just({"text": "x", "a": 1, "b": 2, "path": "a.ipynb"})),
)
def test_any_arguments_at_the_http_api(house: JupyterServer, name: str, given: Any) -> None:
    headers = {**house.headers, "Content-Type": "application/json"}
    body = json.dumps(given).encode()
    answer = send(house, "POST", f"{API}/tools/{name}", headers, body)
    check(answer)
    assert answer.status in (200, 400, 403, 404, 409)
    assert answer.status == 200 or json.loads(answer.body)


@fuzz(
    share=0.5, body=st.binary(max_size=120) | TEXT.map(lambda text: text.encode(errors="replace"))
)
def test_any_refresh_is_refused(house: JupyterServer, body: bytes) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        answer = send(house, "POST", f"{API}/token/refresh", {"Content-Type": kind}, body)
        check(answer)
        assert answer.status in (400, 415, 429)


def test_every_route_with_credentials_is_tried() -> None:
    tried = {path for _, path in PLACES}
    for route in ROUTES:
        if route.actions:
            assert any(_matches(route.pattern, path) for path in tried), route.pattern


def _matches(pattern: str, path: str) -> bool:
    return re.fullmatch(pattern, f"/{path}") is not None
