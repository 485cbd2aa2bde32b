"""What of a request goes into a sandbox, and what of an answer comes out."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.server.port_headers import (
    SANDBOX,
    Entrance,
    inward,
    outward,
    relocated,
    target_of,
    without_token,
)

HOME = "/hub/user/ann/jupyter_mcp/sandboxes/sb-1/ports/80"
ENTRANCE = Entrance(
    port=80,
    prefix=HOME,
    home=HOME,
    host="hub.test",
    scheme="https",
    remote="1.2.3.4",
    tag="sb-1.80.",
)
KEYED = replace(ENTRANCE, prefix=f"{HOME}/~key", is_keyed=True)
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40)


@given(st.lists(st.tuples(st.sampled_from(["Cookie", "cookie", "COOKIE"]), TEXT)))
def test_no_cookie_of_anybody_else_goes_in(headers: list[tuple[str, str]]) -> None:
    for name, value in inward(headers, ENTRANCE):
        if name.lower() == "cookie":
            assert any(f"{ENTRANCE.tag}{value.split('; ')[0]}" in given for _, given in headers)
    assert ("Cookie", "a=1; b=2") in inward(
        [("Cookie", "_xsrf=x; sb-1.80.a=1; sb-1.81.c=3; sb-1.80.b=2; token=t")], ENTRANCE
    )


@given(st.lists(TEXT, max_size=30))
def test_cookies_that_come_out_are_the_ports_own(cookies: list[str]) -> None:
    for name, value in outward([("Set-Cookie", cookie) for cookie in cookies], ENTRANCE):
        if name == "Set-Cookie":
            assert value.startswith(ENTRANCE.tag)
            assert value.endswith(f"; Path={HOME}/")
            assert value.lower().count("path=") == 1 or "path=" in value.partition(";")[0].lower()
            attributes = [part.strip().lower() for part in value.split(";")[1:]]
            assert not [each for each in attributes if each.startswith("domain")]


@given(st.lists(st.tuples(st.sampled_from(["X-A", "Location", "Link"]), st.text(max_size=20))))
def test_every_answer_is_sandboxed_and_splits_nothing(headers: list[tuple[str, str]]) -> None:
    told = outward(headers, ENTRANCE)
    assert ("Content-Security-Policy", SANDBOX) in told
    assert not [value for _, value in told if "\r" in value or "\n" in value]


@given(TEXT)
def test_a_redirect_never_leads_to_another_page_of_the_server(location: str) -> None:
    for entrance in (ENTRANCE, KEYED):
        leads = relocated(f"/{location.lstrip('/')}", entrance)
        assert leads.startswith(f"{entrance.prefix}/")
        assert relocated(leads, entrance) == leads, "what is outside already stays"


def test_an_authorization_goes_in_only_from_the_page_itself() -> None:
    shown = ("Authorization", "Bearer x")
    for entrance, origin, is_passed in (
        (KEYED, "null", True),
        (KEYED, "https://hub.test", False),
        (ENTRANCE, "null", False),
    ):
        told = inward([("Origin", origin), shown], entrance)
        assert (shown in told) is is_passed
        assert ("Origin", "http://localhost:80") in told
    assert shown not in inward([shown], KEYED)


def test_hop_by_hop_headers_stay_on_their_hop() -> None:
    headers = [("Connection", "close, X-Once"), ("X-Once", "1"), ("Keep-Alive", "5"), ("X-B", "2")]
    for told in (inward(headers, ENTRANCE), outward(headers, ENTRANCE)):
        names = {name for name, _ in told}
        assert "X-B" in names
        assert not names & {"Connection", "X-Once", "Keep-Alive"}


def test_queries_are_left_alone_but_for_the_token() -> None:
    assert without_token("a=%2F&b&c=d+e") == "a=%2F&b&c=d+e"
    assert without_token("a=1&token=x&b=2") == "a=1&b=2"
    assert without_token("token=app", lambda value: value == "ours") == "token=app"
    assert target_of("/a b/%2F", "q=ä") == "/a%20b/%2F?q=%C3%A4"
    assert target_of("", "token=x") == "/"
