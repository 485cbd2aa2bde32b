"""A web server in a sandbox, reached below the Jupyter server's own address."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from http.cookies import SimpleCookie
from types import SimpleNamespace

import pytest

from jupyter_mcp.server.extension import _reached_at
from support.server import Answer, wait_until
from support.web_inside import PORT, Shown, below, shown_inside

SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown_inside(tmp_path_factory.mktemp("ports")) as inside:
        yield inside


def ask(
    shown: Shown, method: str = "GET", rest: str = "", body: bytes | None = None, **headers: str
) -> Answer:
    """Ask with the server's token."""
    return shown.server.request(method, shown.path + rest, body, headers)


def browser(shown: Shown) -> dict[str, str]:
    """Return the headers of a browser that has logged in; each login is somebody else."""
    if shown.cookies:
        return {"Cookie": shown.cookies}
    answer = shown.server.request("GET", f"api/status?token={shown.server.token}", token=False)
    found = SimpleCookie(answer.headers["Set-Cookie"])
    shown.cookies = "; ".join(f"{name}={each.value}" for name, each in found.items())
    return {"Cookie": shown.cookies}


def keyed(shown: Shown) -> str:
    """Return the path with a key that a browser is sent to."""
    answer = shown.server.request("GET", shown.path, headers=browser(shown), token=False)
    assert answer.status == 302
    return below(answer.headers["Location"], shown.server.base_url)


def test_the_url_is_the_servers_own(shown: Shown) -> None:
    assert shown.exposed["url"] == f"{shown.server.url}{shown.path}"
    assert shown.path == f"jupyter_mcp/sandboxes/{shown.sandbox}/ports/{PORT}/"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_queries_and_bodies_arrive(shown: Shown, method: str) -> None:
    body = os.urandom(300_000) if method in ("POST", "PUT", "PATCH") else None
    told = ask(shown, method, "echo?a=%2F&b=%C3%A9+c", body).json()
    assert (told["method"], told["path"]) == (method, "/echo?a=%2F&b=%C3%A9+c")
    assert told["sha"] == hashlib.sha256(body or b"").hexdigest()


def test_head_has_a_length_and_no_body(shown: Shown) -> None:
    answer = ask(shown, "HEAD", "data.json")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "14", b"")


def test_nothing_that_opens_the_server_goes_in(shown: Shown) -> None:
    cookies = browser(shown)["Cookie"]
    for path, given in ((shown.path, True), (keyed(shown), False)):
        sent = {"Cookie": cookies, "X-XSRFToken": "1", "X-Forwarded-For": "6.6.6.6"}
        sent["Referer"] = f"{shown.server.url}lab?token={shown.server.token}"
        if not given:
            sent["Authorization"] = f"token {shown.server.token}"
        url = f"{path}echo?x=1&token={shown.server.token}"
        answer = shown.server.request("GET", url, headers=sent, token=given)
        inside = answer.body.decode()
        assert answer.status == 200, inside
        assert json.loads(inside)["path"] == "/echo?x=1"
        assert shown.server.token not in inside
        headers = json.loads(inside)["headers"]
        assert not {"cookie", "authorization", "x-xsrftoken", "referer"} & set(headers)
        assert headers["host"] == f"localhost:{PORT}"
        assert headers["x-forwarded-for"] == "127.0.0.1"
        assert headers["x-forwarded-host"] == f"127.0.0.1:{shown.server.port}"
        assert headers["x-forwarded-prefix"] == f"{shown.server.base_url}{path}".rstrip("/")


def test_what_comes_out_cannot_pass_for_the_server(shown: Shown) -> None:
    raw = http.client.HTTPConnection("127.0.0.1", shown.server.port, timeout=30)
    raw.request("GET", f"{shown.server.base_url}{shown.path}evil", headers=shown.server.headers)
    answer = raw.getresponse()
    answer.read()
    raw.close()
    policies = answer.headers.get_all("Content-Security-Policy") or []
    assert SANDBOX in policies  # a page is held to all of them (CSP 3, 8.1)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for name in (
        "Clear-Site-Data",
        "Strict-Transport-Security",
        "Access-Control-Allow-Origin",
        "Alt-Svc",
    ):
        assert name not in answer.headers
    assert "Service-Worker-Allowed" not in answer.headers
    cookies = answer.headers.get_all("Set-Cookie") or []
    tag = f"{shown.sandbox}.{PORT}."
    path = f"Path={shown.server.base_url}{shown.path}"
    assert cookies == [f"{tag}_xsrf=evil; {path}", f"{tag}mine=1; HttpOnly; {path}"]
    told = ask(shown, rest="echo", Cookie=f"_xsrf=secret; {tag}mine=1; other=2").json()
    assert told["headers"]["cookie"] == "mine=1"


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("/data.json?x=1", "{prefix}/data.json?x=1"),
        (f"http://localhost:{PORT}/a%23b", "{prefix}/a%23b"),
        (f"http://127.0.0.1:{PORT}", "{prefix}/"),
        ("relative", "relative"),
        ("https://example.test/x", "https://example.test/x"),
        ("http://localhost:1/x", "http://localhost:1/x"),
    ],
)
def test_redirects_stay_below_the_prefix(shown: Shown, inside: str, outside: str) -> None:
    answer = ask(shown, rest=f"redirect?to={inside}")
    prefix = f"{shown.server.base_url}{shown.path}".rstrip("/")
    assert answer.status == 302
    assert answer.headers["Location"] == outside.format(prefix=prefix)


def test_large_bodies_go_both_ways_in_pieces(shown: Shown) -> None:
    """More than any limit of ours, and sent back while it still comes in."""
    size, piece = 24 << 20, os.urandom(1 << 16)

    def pieces() -> Iterator[bytes]:
        yield from (piece for _ in range(size // len(piece)))

    raw = socket.create_connection(("127.0.0.1", shown.server.port), timeout=60)
    head = f"POST {shown.server.base_url}{shown.path}back HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += f"Authorization: token {shown.server.token}\r\nContent-Length: {size}\r\n\r\n"

    def send() -> None:
        raw.sendall(head.encode())
        for each in pieces():
            raw.sendall(each)

    sender = threading.Thread(target=send)
    sender.start()
    answer = http.client.HTTPResponse(raw, method="POST")
    answer.begin()
    digest, seen = hashlib.sha256(), 0
    while data := answer.read(1 << 16):
        digest.update(data)
        seen += len(data)
    sender.join()
    answer.close()
    raw.close()
    wanted = hashlib.sha256()
    for each in pieces():
        wanted.update(each)
    assert (seen, digest.digest()) == (size, wanted.digest())
    assert len(ask(shown, rest="big").body) == 320 * 65536


def test_events_arrive_as_they_are_sent(shown: Shown) -> None:
    raw = http.client.HTTPConnection("127.0.0.1", shown.server.port, timeout=30)
    raw.request("GET", f"{shown.server.base_url}{shown.path}slow", headers=shown.server.headers)
    answer = raw.getresponse()
    assert answer.readline() == b"data: first\n"
    assert ask(shown, rest="gate").body == b"open"
    assert answer.read() == b"\ndata: second\n\n"
    raw.close()


def test_an_answer_that_breaks_off_does_not_look_complete(shown: Shown) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        ask(shown, rest="broken")
    junk = ask(shown, rest="junk")
    assert junk.status == 502
    assert "HTTP" in junk.json()["error"]["message"]


def test_a_port_without_a_program_is_told(shown: Shown) -> None:
    exposed = shown.call("port_expose", port=9, sandbox_id=shown.sandbox)
    assert exposed["listens"] is False
    answer = shown.server.request("GET", exposed["path"])
    assert answer.status == 502
    assert answer.json()["error"]["code"] == "unavailable"


def test_what_is_not_exposed_does_not_exist(shown: Shown) -> None:
    for path in (
        f"jupyter_mcp/sandboxes/{shown.sandbox}/ports/22/",
        f"jupyter_mcp/sandboxes/{shown.sandbox}/ports/0/",
        f"jupyter_mcp/sandboxes/sb-000000000000/ports/{PORT}/",
    ):
        assert shown.server.request("GET", path).status == 404


def test_a_browser_is_sent_to_an_address_with_a_key(shown: Shown) -> None:
    path = keyed(shown)
    assert path.startswith(f"{shown.path}~")
    assert keyed(shown) == path, "a second look needs no second key"
    page = shown.server.request("GET", path, token=False)
    assert (page.status, b"inside" in page.body) == (200, True)
    assert page.headers["Content-Security-Policy"] == SANDBOX
    data = shown.server.request("GET", f"{path}data.json", headers={"Origin": "null"}, token=False)
    assert data.headers["Access-Control-Allow-Origin"] == "null"
    before = shown.server.request(
        "OPTIONS",
        f"{path}echo",
        headers={"Origin": "null", "Access-Control-Request-Method": "PUT"},
        token=False,
    )
    assert (before.status, before.headers["Access-Control-Allow-Methods"]) == (204, "PUT")


def test_a_key_opens_nothing_else(shown: Shown) -> None:
    path = keyed(shown)
    key = path.removeprefix(shown.path)
    wrong = f"{shown.path}~{'x' * 32}/"
    elsewhere = f"jupyter_mcp/sandboxes/{shown.sandbox}/ports/9/{key}"
    for each in (wrong, elsewhere):
        assert shown.server.request("GET", each, token=False).status == 403
    foreign = {"Origin": "https://evil.test"}
    assert shown.server.request("GET", path, headers=foreign, token=False).status == 403
    worker = {"Service-Worker": "script"}
    assert shown.server.request("GET", path, headers=worker, token=False).status == 403
    host = {"Host": "evil.test"}
    assert shown.server.request("GET", path, headers=host, token=False).status == 403
    again = shown.server.request(
        "GET", f"{wrong}a?b=1", headers={"Sec-Fetch-Mode": "navigate"}, token=False
    )
    assert again.status == 302
    assert again.headers["Location"] == f"{shown.server.base_url}{shown.path}a?b=1"


def test_keys_are_in_no_log(shown: Shown) -> None:
    path = keyed(shown)
    key = path.removeprefix(shown.path).strip("/")
    for rest in ("nothing", "redirect?to=x", "junk"):
        assert shown.server.request("GET", f"{path}{rest}", token=False).status >= 300
    wait_until(lambda: "nothing" in shown.server.log, seconds=30, what="the request is logged")
    assert key not in shown.server.log
    assert "~[secret]/nothing" in shown.server.log


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ("", "http://127.0.0.1:8888/b/"),
        ("https://hub.test/user/ann/", "https://hub.test/user/ann/"),
        ("https://hub.test", "https://hub.test/b/"),
    ],
)
def test_the_url_is_the_one_that_people_use(
    monkeypatch: pytest.MonkeyPatch, told: str, url: str
) -> None:
    monkeypatch.delenv("JUPYTERHUB_PUBLIC_URL", raising=False)
    server = SimpleNamespace(
        custom_display_url=told, connection_url="http://127.0.0.1:8888/b/", base_url="/b/"
    )
    assert _reached_at(server) == url
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", "https://other.test/user/ben/")
    assert _reached_at(server) == "https://other.test/user/ben/"


def shake(shown: Shown, path: str, **headers: str) -> tuple[socket.socket, bytes]:
    """Ask for a WebSocket and return the connection and the head of the answer."""
    raw = socket.create_connection(("127.0.0.1", shown.server.port), timeout=30)
    lines = {
        "Host": f"127.0.0.1:{shown.server.port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
        **headers,
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    raw.sendall(f"GET {shown.server.base_url}{path}socket HTTP/1.1\r\n{told}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        data = raw.recv(1)
        if not data:
            break
        head += data
    return raw, head


def frame(text: bytes) -> bytes:
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def test_websockets_are_tunnelled(shown: Shown) -> None:
    for path, headers in (
        (shown.path, dict(shown.server.headers)),
        (keyed(shown), {"Origin": "null"}),
    ):
        raw, head = shake(shown, path, **headers)
        with raw:
            assert head.startswith(b"HTTP/1.1 101"), head
            for text in (b"one", b"two"):
                raw.sendall(frame(text))
                wanted = b"\x81" + bytes([6 + len(text)]) + b"back: " + text
                assert raw.recv(64) == wanted


def test_websockets_need_leave_too(shown: Shown) -> None:
    for path, headers in (
        (shown.path, {}),
        (shown.path, {**shown.server.headers, "Origin": "null"}),
        (f"{shown.path}~{'x' * 32}/", {"Origin": "null"}),
    ):
        raw, head = shake(shown, path, **headers)
        raw.close()
        assert head.split(b" ")[1] in (b"401", b"403"), head


def test_closing_the_port_cuts_what_goes_on(shown: Shown) -> None:
    raw, head = shake(shown, shown.path, **shown.server.headers)
    assert b"101" in head
    path = keyed(shown)
    shown.call("port_close", port=PORT, sandbox_id=shown.sandbox)
    assert raw.recv(64) == b""
    raw.close()
    assert ask(shown).status == 404
    assert shown.server.request("GET", path, token=False).status == 404
    shown.call("port_expose", port=PORT, sandbox_id=shown.sandbox)
    assert ask(shown).status == 200
    assert shown.server.request("GET", path, token=False).status == 403, "a new exposure, a new key"


def test_a_stopped_agent_is_cut_off_and_a_person_is_not(shown: Shown) -> None:
    agent, head = shake(shown, shown.path, **shown.server.headers)
    person, _ = shake(shown, shown.path, **shown.as_person)
    with agent, person:
        assert b"101" in head
        shown.call("agents_pause")
        try:
            assert agent.recv(64) == b""
            refused = ask(shown)
            assert (refused.status, refused.json()["error"]["code"]) == (403, "paused")
            person.sendall(frame(b"on"))
            assert person.recv(64) == b"\x81\x08back: on"
        finally:
            shown.call("agents_resume")
    assert ask(shown).status == 200


def test_a_client_that_goes_lets_go_of_the_program(shown: Shown) -> None:
    raw = http.client.HTTPConnection("127.0.0.1", shown.server.port, timeout=30)
    raw.request("GET", f"{shown.server.base_url}{shown.path}hold", headers=shown.server.headers)
    assert raw.getresponse().readline() == b"held\n"
    raw.close()
    wait_until(lambda: ask(shown, rest="released").status == 200, seconds=30, what="it is let go")


def test_the_first_use_is_in_the_audit(shown: Shown) -> None:
    path = shown.call("port_expose", port=7, sandbox_id=shown.sandbox)["path"]

    def told() -> list[dict[str, object]]:
        found = shown.call("audit_search", kind="port_opened")["records"]
        return [each for each in found if each["details"]["port"] == 7]

    for _ in range(3):
        assert shown.server.request("GET", path).status == 502
    records = wait_until(told, seconds=30, what="the audit tells of the port")
    assert len(records) == 1
    assert records[0]["details"]["sandbox_id"] == shown.sandbox
