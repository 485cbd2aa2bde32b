from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.untrusted.addresses import check_url

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC = "93.184.216.34"


def leads_to(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses) if host and port else []


def refusal(url: str, **options: object) -> str:
    with pytest.raises(ToolError) as refused:
        check_url(url, **options)  # type: ignore[arg-type]
    return refused.value.code


def test_a_public_address_is_returned_to_connect_to() -> None:
    found = check_url("https://tools.test:8443/mcp", resolve=leads_to(PUBLIC, "2606:4700::1111"))
    assert (found.host, found.port, found.ip) == ("tools.test", 8443, PUBLIC)
    assert check_url("http://tools.test/", resolve=leads_to(PUBLIC)).port == 80


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
    ],
)
def test_no_address_of_the_inside_is_used(address: str) -> None:
    assert refusal("http://looks-fine.test/", resolve=leads_to(address)) == "forbidden"
    both = leads_to(PUBLIC, address)
    assert refusal("http://looks-fine.test/", resolve=both) == "forbidden"


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost"]
)
def test_no_spelling_of_this_machine_is_used(host: str) -> None:
    assert refusal(f"http://{host}/") == "forbidden"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://x/",
        "//x/",
        "http://",
        "http://ann:secret@x.test/",
        "http://x.test\\@127.0.0.1/",
        "http://x.test /",
        "http://x.test\r\nHost: y/",
        "http://x:99999/",
        "http://[::1/",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    assert refusal(url, resolve=leads_to(PUBLIC)) == "invalid_arguments"


def test_private_addresses_can_be_allowed_and_credentials_of_clouds_never() -> None:
    for address in ("127.0.0.1", "10.1.2.3", "::1", "fd12::1"):
        assert check_url("http://x.test/", allow_private=True, resolve=leads_to(address)).ip
    for address in (
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd20:ce::254",
        "192.0.0.192",
        "fe80::1",
    ):
        allowed = {"allow_private": True, "resolve": leads_to(address)}
        assert refusal("http://x.test/", **allowed) == "forbidden"


def test_a_name_that_nobody_knows_is_told() -> None:
    assert refusal("http://no-such-host.invalid/") == "unavailable"


def test_a_secret_in_a_url_is_not_repeated() -> None:
    with pytest.raises(ToolError) as refused:
        check_url("http://ann:hunter2@x.test/")
    assert "hunter2" not in str(refused.value)


@given(st.text())
def test_any_text_is_used_or_refused(text: str) -> None:
    try:
        check_url(text, resolve=leads_to(PUBLIC))
    except ToolError:
        return
    assert text.lower().startswith(("http://", "https://"))


@given(st.ip_addresses(v=4))
def test_an_address_and_its_form_in_ipv6_are_decided_alike(ip: ipaddress.IPv4Address) -> None:
    def allowed(address: str) -> bool:
        try:
            check_url("http://x.test/", resolve=leads_to(address))
        except ToolError:
            return False
        return True

    assert allowed(str(ip)) is allowed(f"::ffff:{ip}")
    assert not allowed(str(ip)) or ip.is_global
