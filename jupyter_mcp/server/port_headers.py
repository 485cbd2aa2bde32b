"""What of a request goes into a sandbox, and what of its answer comes out. Pure functions.

Inside stands a stranger's program under the name of this Jupyter server. Nothing that opens the
server goes in: no cookie, no token, no address that carries a key. And nothing comes out that a
browser would take for the server's own word: no cookie for its other pages, no order to empty its
storage or to find it elsewhere, and no page that runs with its origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

Headers = list[tuple[str, str]]

SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"
"""Without ``allow-same-origin``: the page has an origin of its own that is nobody's (CSP 3, 6.3.2;
HTML, section 7.1.5)."""

GUARDS = (
    ("Content-Security-Policy", SANDBOX),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
"""What every answer carries, whatever the program inside says."""

MOST_COOKIES = 20

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110, section 7.6.1, and what `Connection` names besides."""

_NOT_IN = frozenset(
    {
        "authorization",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "origin",
        "referer",
        "service-worker",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-real-ip",
        "x-scheme",
        "x-xsrftoken",
    }
)
_NOT_OUT = frozenset(
    {
        "accept-ch",
        "alt-svc",
        "clear-site-data",
        "critical-ch",
        "cross-origin-resource-policy",
        "expect-ct",
        "nel",
        "origin-agent-cluster",
        "public-key-pins",
        "referrer-policy",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "strict-transport-security",
        "www-authenticate",
        "x-content-type-options",
    }
)
"""What would hold for the whole server and not for the port alone."""

_NAMED = re.compile(r"[!#$%&'*+.^_`|~\w-]{1,128}\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ATTRIBUTES = frozenset({"expires", "max-age", "httponly", "secure", "samesite"})


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a request came in, and which port it is for.

    Args:
        port: The port inside.
        prefix: The path before the program's own, without a slash at the end.
        host: The `Host` that the client named.
        scheme: ``http`` or ``https``.
        remote: The client's address.
        home: The prefix without a key, to which the program's cookies are bound.
        tag: What our names of the program's cookies begin with.
        is_keyed: Whether a key in the address opened it, and no credential did.
    """

    port: int
    prefix: str
    home: str
    host: str
    scheme: str
    remote: str
    tag: str
    is_keyed: bool = False

    @property
    def inner(self) -> str:
        """The `Host` that the program inside sees: one that development servers believe."""
        return f"localhost:{self.port}"


def target_of(rest: str, query: str, drops: Callable[[str], bool] | None = None) -> str:
    """Return the request target for the program inside.

    Args:
        rest: The path behind the prefix, as it came.
        query: The query, as it came.
        drops: Says whether a value of the parameter ``token`` is a credential of this server; None
            when every one has to be taken for one.
    """
    path = quote(rest or "/", safe="/%:@!$&'()*+,;=~-._[]|")
    kept = without_token(query, drops)
    return f"{path}?{quote(kept, safe='/?%:@!$&()*+,;=~-._[]|{}^`')}" if kept else path


def without_token(query: str, drops: Callable[[str], bool] | None = None) -> str:
    """Return a query without the server's token in it, untouched where there is none."""
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [
        (name, value)
        for name, value in pairs
        if name != "token" or (drops is not None and not drops(value))
    ]
    return query if len(kept) == len(pairs) else urlencode(kept)


def inward(headers: Iterable[tuple[str, str]], entrance: Entrance) -> Headers:
    """Return the headers of the request for the program inside, without framing."""
    given = list(headers)
    left_out = _NOT_IN | _HOP_BY_HOP | _named_by_connection(given)
    if _is_the_pages_own(given, entrance):
        left_out -= {"authorization"}
    told: Headers = [("Host", entrance.inner)]
    for name, value in given:
        lowered = name.lower()
        if lowered == "origin":
            told.append((name, f"http://{entrance.inner}"))
        elif lowered == "cookie":
            told.extend(("Cookie", kept) for kept in [_own_cookies(value, entrance.tag)] if kept)
        elif lowered not in left_out and not lowered.startswith(("sec-fetch-", "x-jupyter")):
            told.append((name, value))
    return [
        *told,
        ("X-Forwarded-For", entrance.remote),
        ("X-Forwarded-Host", entrance.host),
        ("X-Forwarded-Proto", entrance.scheme),
        ("X-Forwarded-Prefix", entrance.prefix),
    ]


def outward(headers: Iterable[tuple[str, str]], entrance: Entrance) -> Headers:
    """Return the headers of the answer for the client, without framing."""
    given = list(headers)
    left_out = _NOT_OUT | _HOP_BY_HOP | _named_by_connection(given)
    told: Headers = []
    for name, value in given:
        lowered = name.lower()
        if _CONTROL.search(value) or lowered in left_out or lowered.startswith("access-control-"):
            continue
        if lowered in ("location", "content-location"):
            told.append((name, relocated(value, entrance)))
        else:
            told.append((name, value))
    cookies = (value for name, value in given if name.lower() == "set-cookie")
    told.extend(("Set-Cookie", cookie) for cookie in _scoped(cookies, entrance))
    return [*told, *GUARDS]


def shared(origin: str | None) -> Headers:
    """Return what lets a page without an origin read what comes from its own port (Fetch, 3.2).

    Only who knows the key gets here, so that this opens nothing to others.
    """
    if origin != "null":
        return []
    return [
        ("Access-Control-Allow-Origin", "null"),
        ("Access-Control-Expose-Headers", "*"),
        ("Vary", "Origin"),
    ]


def preflight(asked: Callable[[str], str | None]) -> Headers:
    """Return the answer to such a page that asks whether it may send more than a form could."""
    methods = asked("Access-Control-Request-Method") or ""
    names = asked("Access-Control-Request-Headers") or ""
    return [
        ("Access-Control-Allow-Origin", "null"),
        ("Access-Control-Allow-Methods", methods),
        *([("Access-Control-Allow-Headers", names)] if names else []),
        ("Access-Control-Max-Age", "600"),
        ("Vary", "Origin"),
        *GUARDS,
    ]


def relocated(location: str, entrance: Entrance) -> str:
    """Return where a redirect leads as seen from outside: below the prefix if it stays inside."""
    try:
        parts = urlsplit(location)
        port = parts.port
    except ValueError:
        return f"{entrance.prefix}/"
    if parts.netloc:
        is_inside = parts.hostname in ("localhost", "127.0.0.1", "0.0.0.0") and (  # noqa: S104 - compared, not bound
            port == entrance.port
        )
        if not is_inside and parts.netloc != entrance.host:
            return location
    elif parts.scheme or not location.startswith("/"):
        return location
    path = parts.path or "/"
    if path == entrance.prefix or path.startswith(f"{entrance.prefix}/"):
        inner = path
    else:
        inner = f"{entrance.prefix}/{path.lstrip('/')}"
    query = f"?{parts.query}" if parts.query else ""
    return inner + query + (f"#{parts.fragment}" if parts.fragment else "")


def _named_by_connection(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    named = (value for name, value in headers if name.lower() == "connection")
    return frozenset(part.strip().lower() for value in named for part in value.split(","))


def _is_the_pages_own(headers: Iterable[tuple[str, str]], entrance: Entrance) -> bool:
    """Return whether a page's script put an `Authorization` there: no browser does so by itself.

    Other clients show the server's token in it, also where they need none.
    """
    return entrance.is_keyed and any(
        name.lower() == "origin" and value == "null" for name, value in headers
    )


def _own_cookies(cookies: str, tag: str) -> str:
    """Return the cookies that the program inside has set, by its own names for them."""
    pairs = (pair.strip() for pair in cookies.split(";"))
    return "; ".join(pair.removeprefix(tag) for pair in pairs if pair.startswith(tag))


def _scoped(cookies: Iterable[str], entrance: Entrance) -> Iterator[str]:
    """Yield the program's cookies for its own path, under names that nothing else listens to.

    The server's own cookies, and those of other servers on the host, have no such name: they can
    be neither overwritten nor read.
    """
    for _, cookie in zip(range(MOST_COOKIES), cookies, strict=False):
        pair, *attributes = (part.strip() for part in cookie.split(";"))
        name, is_pair, value = pair.partition("=")
        if not is_pair or not _NAMED.match(name) or _CONTROL.search(cookie) or "," in value:
            continue
        kept = [each for each in attributes if each.partition("=")[0].lower() in _ATTRIBUTES]
        yield "; ".join([f"{entrance.tag}{name}={value}", *kept, f"Path={entrance.home}/"])
