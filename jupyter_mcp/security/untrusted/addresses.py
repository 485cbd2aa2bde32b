"""Decides whether this server may open a connection to an address that somebody configured.

A URL is taken apart and resolved once; who connects must use the address that is returned here and
not the name again, or the name may mean another machine the second time (DNS rebinding). Refused
are other protocols, credentials in the URL, and everything that is not a public address: loopback,
private and link-local networks, and the addresses at which clouds give out credentials, however
they are written (decimal, octal, mapped into IPv6). Redirects have to be checked anew.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from jupyter_mcp.errors import ToolError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]

PORTS = {"http": 80, "https": 443}

METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, OpenStack
            "169.254.170.2",  # AWS containers
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure's own, a public address
            "192.0.0.192",  # Oracle
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
        ),
    )
)
"""Where clouds give out credentials: refused also where private addresses are allowed."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that may be used.

    Args:
        url: The URL as it was given.
        host: The name for the ``Host`` header and the certificate.
        port: The port.
        ip: The address to connect to, and no other.
    """

    url: str
    host: str
    port: int
    ip: str


def check_url(url: str, *, allow_private: bool = False, resolve: Resolve | None = None) -> Address:
    """Return where `url` leads when it may be used. It asks the name service: call it in a thread.

    Args:
        url: An ``http`` or ``https`` URL.
        allow_private: Whether machines of one's own network, and this one, are allowed.
        resolve: Returns the addresses of a host name; the system's name service by default.

    Raises:
        ToolError: ``forbidden`` for an address that may not be used, ``invalid_arguments`` for
            what is no such URL, ``unavailable`` for a name that nobody knows.
    """
    parts, port = _parts(url)
    host = parts.hostname or ""
    found = [_address(each) for each in (resolve or resolve_host)(host, port)]
    if not found:
        raise _unknown(host)
    for ip in found:  # all of them: which one is used could be the attacker's choice
        if not _allowed(ip, allow_private=allow_private):
            raise ToolError(
                "forbidden",
                f"'{host[:253]}' leads to {ip}, which this server does not connect to.",
                "Use a public address, or let the administrator allow private ones.",
            )
    return Address(url, host, port, str(found[0]))


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host name, as the system finds them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _unknown(host) from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _parts(url: str) -> tuple[SplitResult, int]:
    if not isinstance(url, str) or any(char <= " " or char in "\\\x7f" for char in url):
        raise _invalid("It has blanks, control characters or backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid("It cannot be taken apart.") from None
    if parts.scheme not in PORTS:
        raise _invalid("It does not begin with http:// or https://.")
    if parts.username is not None or parts.password is not None:
        raise _invalid("It carries a user name or password; use a secret for those.")
    if not parts.hostname:
        raise _invalid("It names no host.")
    return parts, PORTS[parts.scheme] if port is None else port


def _address(text: str) -> IPAddress:
    return ipaddress.ip_address(text.split("%", 1)[0])


def _allowed(ip: IPAddress, *, allow_private: bool) -> bool:
    if isinstance(ip, ipaddress.IPv6Address) and (inner := list(_embedded(ip))):
        return all(_allowed(each, allow_private=allow_private) for each in inner)
    if ip in METADATA or ip.is_multicast or ip.is_unspecified or ip.is_link_local:
        return False
    if allow_private and (ip.is_private or ip.is_loopback):
        return not _is_reserved(ip)
    return ip.is_global and not _is_reserved(ip)


def _is_reserved(ip: IPAddress) -> bool:
    loopback: Any = ip.is_loopback  # ::1 lies in a reserved block
    site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return (ip.is_reserved and not loopback) or site_local


def _embedded(ip: ipaddress.IPv6Address) -> Iterable[ipaddress.IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address stands for."""
    if ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    low = int(ip) & 0xFFFFFFFF
    if ip in _NAT64 or (int(ip) >> 32 == 0 and low > 1):
        yield ipaddress.IPv4Address(low)


def _invalid(why: str) -> ToolError:
    return ToolError("invalid_arguments", f"That URL cannot be used. {why}", "Correct it.")


def _unknown(host: str) -> ToolError:
    what = f"Nobody knows the host '{host[:253]}'."
    return ToolError("unavailable", what, "Check its spelling and this machine's name service.")
