"""Walks the table of routes and asks of each what the door promises."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from jupyter_mcp.server.route import Route
from jupyter_mcp.server.routes import ROUTES
from support.identities import DENY
from support.server import Answer, JupyterServer

CASES = [
    pytest.param(route, method, id=f"{method} {route.pattern}")
    for route in ROUTES
    for method in route.methods
]
WITH_CREDENTIALS = [case for case in CASES if not case.values[0].is_public]  # type: ignore[union-attr]
EXAMPLES = {
    "([^/]+)": "probe_echo",
    r"([\w-]+)": "jobs",
    r"([\w-]{32})": "k" * 32,
    r"(\d{1,5})": "8000",
    "(/.*)?": "/page",
}
PUBLIC = {
    "RefreshHandler": "the refresh token in the body is the credential",
    "WorkerTokenHandler": "the key from the state folder is the credential",
    "MetadataHandler": "it tells a stranger what it takes to get in (RFC 9728)",
    "KeyedPortHandler": "the key in the address is the credential of a page without an origin",
    "IconHandler": "clients fetch icons without credentials, and an icon is no secret",
}
"""The routes that answer strangers, and why they may."""

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
FOREIGN = {"Origin": "https://evil.test"}


def path_of(route: Route) -> str:
    """Return a path that the route's pattern matches."""
    path = route.pattern
    for pattern, example in EXAMPLES.items():
        path = path.replace(pattern, example)
    return path.replace("\\", "").lstrip("/")


def ask(
    server: JupyterServer, route: Route, method: str, *, token: bool = True, **headers: str
) -> Answer:
    """Send a request to a route, a handshake where it is a WebSocket."""
    sent = {**(HANDSHAKE if route.is_socket else {}), **headers}
    body = {} if method == "POST" else None
    return server.request(method, path_of(route), body, sent, token=token)


@pytest.mark.parametrize(("route", "method"), WITH_CREDENTIALS)
def test_without_credentials_it_says_where_to_get_some(
    probed: JupyterServer, route: Route, method: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = ask(probed, route, method, token=False, **headers)
        assert answer.status == 401
        challenge = answer.headers["Www-Authenticate"]
        place = f"{probed.url}.well-known/oauth-protected-resource/mcp"
        assert challenge == f'Bearer resource_metadata="{place}", scope="read"'
        assert method == "HEAD" or "token" in answer.body.decode()


def test_only_routes_with_a_reason_answer_strangers() -> None:
    assert {route.handler.__name__ for route in ROUTES if route.is_public} == set(PUBLIC)
    for route in ROUTES:
        assert bool(route.actions) is not bool(route.public), route.pattern


@pytest.mark.parametrize(("route", "method"), CASES)
def test_foreign_host_never_gets_in(probed: JupyterServer, route: Route, method: str) -> None:
    answer = ask(probed, route, method, Host="evil.test")
    assert answer.status == 403
    assert method == "HEAD" or "Host" in answer.body.decode()


@pytest.mark.parametrize(("route", "method"), WITH_CREDENTIALS)
def test_foreign_origin_never_gets_in_even_with_a_token(
    probed: JupyterServer, route: Route, method: str
) -> None:
    for origin in ("https://evil.test", "null", f"https://evil.test:{probed.port}"):
        answer = ask(probed, route, method, Origin=origin)
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("route", "method"), CASES)
def test_token_requests_get_no_cookie(probed: JupyterServer, route: Route, method: str) -> None:
    if not route.is_socket and path_of(route) != "mcp":
        assert "Set-Cookie" not in ask(probed, route, method).headers


@pytest.mark.parametrize(("route", "method"), WITH_CREDENTIALS)
def test_authorizer_is_asked_with_action_and_resource(
    crowded: JupyterServer, route: Route, method: str
) -> None:
    action = route.actions[method]
    answer = ask(crowded, route, method, **{DENY: action})
    assert answer.status == 403
    asked = [json.loads(line) for line in (crowded.home / "asked.jsonl").read_text().splitlines()]
    last = asked[-1]
    assert (last["action"], last["resource"]) == (action, "mcp")
    assert last["path"] == f"/{path_of(route)}"


@pytest.mark.parametrize(("route", "method"), WITH_CREDENTIALS)
def test_cookie_users_need_xsrf_where_something_happens(
    probed: JupyterServer, route: Route, method: str
) -> None:
    if method in ("GET", "HEAD", "OPTIONS"):
        return
    cookies = log_in(probed)
    jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
    without = ask(probed, route, method, token=False, Cookie=jar)
    assert without.status == 403
    assert "X-XSRFToken" in without.body.decode()
    xsrf = {"Cookie": jar, "X-XSRFToken": cookies["_xsrf"]}
    assert ask(probed, route, method, token=False, **xsrf).status not in (401, 403)


def log_in(server: JupyterServer) -> dict[str, str]:
    """Return the cookies of a browser that has logged in by the token."""
    found: dict[str, str] = {}
    for answer in (
        server.request("GET", f"api/status?token={server.token}", token=False),
        server.request("GET", "login", token=False),
    ):
        cookies = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        found |= {name: morsel.value for name, morsel in cookies.items()}
    assert "_xsrf" in found
    return found


def test_every_handler_of_ours_is_in_the_table() -> None:
    """No route is added beside the table."""
    source = Path(__file__).parents[2] / "jupyter_mcp"
    adders = [file for file in source.rglob("*.py") if "add_handlers" in file.read_text()]
    assert adders == []


@pytest.mark.parametrize(("route", "method"), WITH_CREDENTIALS)
def test_other_methods_are_refused(probed: JupyterServer, route: Route, method: str) -> None:
    del method
    for other in {"PUT", "PATCH"} - set(route.actions):
        answer = probed.request(other, path_of(route), {})
        assert answer.status == 405
        assert "<" not in answer.body.decode()
