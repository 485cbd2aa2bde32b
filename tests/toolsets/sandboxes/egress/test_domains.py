"""Globs of domains mean what their page says, and no spelling gets around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.sandboxes.egress.domains import Domains, canonical, split_host

LIST = Domains(
    ("pypi.org", "*.pythonhosted.org", "db.example.org:5432", "any.example:*", "bücher.example")
)
NAMES = st.from_regex(r"\A[A-Za-z0-9]{1,8}(\.[A-Za-z0-9]{1,8}){0,3}\.?\Z")


@pytest.mark.parametrize(
    ("where", "allowed"),
    [
        ("pypi.org:443", True),
        ("pypi.org:80", True),
        ("PyPI.org.:443", True),
        ("pypi.org:8443", False),
        ("www.pypi.org:443", False),
        ("evilpypi.org:443", False),
        ("pypi.org.evil.test:443", False),
        ("files.pythonhosted.org:443", True),
        ("a.b.pythonhosted.org:443", True),
        ("pythonhosted.org:443", False),
        ("evilpythonhosted.org:443", False),
        ("db.example.org:5432", True),
        ("db.example.org:443", False),
        ("any.example:1", True),
        ("xn--bcher-kva.example:443", True),
        ("BÜCHER.example:443", True),
        ("127.0.0.1:443", False),
        ("[::1]:443", False),
    ],
)
def test_a_glob_covers_just_what_it_says(where: str, allowed: bool) -> None:
    assert LIST.allow(*split_host(where)) is allowed


def test_a_star_alone_is_every_name_and_no_address() -> None:
    every = Domains(("*",))
    assert every.allow(*split_host("anything.test:443"))
    assert not every.allow(*split_host("93.184.216.34:443"))
    assert not every.allow(*split_host("anything.test:22"))
    assert Domains(("93.184.216.34",)).allow(*split_host("93.184.216.34:443"))
    assert Domains(("[2001:DB8::1]:*",)).allow(*split_host("[2001:db8:0::1]:9"))


@pytest.mark.parametrize("glob", ["", "*foo.org", "a.*.org", "a b", "x:99999", "x:y", "*.", "a..b"])
def test_a_glob_that_means_nothing_is_an_error(glob: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Domains((glob,))


@pytest.mark.parametrize(
    "target",
    ["", "host", "host:", "host:0", "host:65536", "host:+1", "ho st:1", "a@b:1", "h:\u0661"],
)
def test_what_is_no_host_and_port_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        split_host(target)


@given(NAMES)
def test_a_host_has_one_spelling(name: str) -> None:
    once = canonical(name)
    assert canonical(once) == once == canonical(name.upper())
    assert Domains((name,)).allow(once, 443)
    assert not Domains((f"*.{name}",)).allow(once, 443)


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    try:
        host, port = split_host(text, 80)
    except ValueError:
        return
    assert host.isascii()
    assert host == canonical(host)
    assert 0 < port < 65536
