"""Which domains and ports a sandbox may reach, as the administrator's globs say.

``pypi.org`` is that name alone; ``*.pythonhosted.org`` is every name below it and not the name
itself; ``*`` is every name. A star stands only for whole labels at the front. Ports are 80 and 443
unless the glob has its own: ``db.example.org:5432``, or ``:*`` for all. Upper and lower case, a dot
at the end and the two spellings of international names (IDNA) are the same. An address is reached
only by a glob that is this very address.

What a name leads to has to be a public address, or a foreign name service could lead into the
server's own network. An administrator who means a server there says so with its port,
``git.corp.example:443``, or by its address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

PORTS = frozenset((80, 443))
MAX_NAME = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")


@dataclass(frozen=True, slots=True)
class Domain:
    """One glob.

    Args:
        name: The name, or the part behind the star; empty for every name.
        is_below: Whether the names below it are meant and not itself.
        ports: The ports; empty for all.
        may_be_private: Whether it may lead into the server's own network.
    """

    name: str
    is_below: bool
    ports: frozenset[int]
    may_be_private: bool = False

    @classmethod
    def parse(cls, glob: str) -> Domain:
        """Return what a glob means.

        Raises:
            ValueError: When it means nothing.
        """
        text, ports = _ports(glob.strip())
        if text == "*":
            return cls("", is_below=True, ports=ports)
        is_below = text.startswith("*.")
        name = canonical(text[2:] if is_below else text)
        is_meant = not is_below and (_is_address(name) or text != glob.strip())
        return cls(name, is_below, ports, is_meant)

    def allows(self, host: str, port: int) -> bool:
        """Return whether it covers a host in its canonical form."""
        if self.ports and port not in self.ports:
            return False
        if not self.is_below:
            return host == self.name
        if _is_address(host):
            return False
        return not self.name or host.endswith(f".{self.name}")


class Domains:
    """All globs of a server.

    Args:
        globs: Such as ``pypi.org`` or ``*.pythonhosted.org``.

    Raises:
        ValueError: For a glob that means nothing.
    """

    def __init__(self, globs: Iterable[str]) -> None:
        self._all = tuple(Domain.parse(each) for each in globs)

    def allow(self, host: str, port: int) -> bool:
        """Return whether a canonical host may be reached at a port."""
        return any(each.allows(host, port) for each in self._all)

    def allow_private(self, host: str, port: int) -> bool:
        """Return whether a canonical host may be in the server's own network."""
        return any(each.may_be_private and each.allows(host, port) for each in self._all)


def canonical(host: str) -> str:
    """Return the one spelling of a host: small letters, IDNA, no dot at the end, no brackets.

    Raises:
        ValueError: When it is no name of a host and no address.
    """
    text = host.removesuffix(".").lower()
    if text.startswith("[") and text.endswith("]"):
        return str(ipaddress.IPv6Address(text[1:-1]))
    if _is_address(text):
        return str(ipaddress.ip_address(text))
    try:
        text = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError(f"'{host[:MAX_NAME]}' is no name of a host.") from None
    if len(text) > MAX_NAME or not all(_LABEL.match(label) for label in text.split(".")):
        raise ValueError(f"'{host[:MAX_NAME]}' is no name of a host.")
    return text


def split_host(text: str, port: int | None = None) -> tuple[str, int]:
    """Return the canonical host and the port of ``host:port``.

    Args:
        text: What stands in a request.
        port: The port where none is given; None when one has to be.

    Raises:
        ValueError: When it is not that.
    """
    host, colon, number = text.rpartition(":")
    if not colon or "]" in number:
        host, number = text, ""
    if number:
        if not (number.isascii() and number.isdigit() and len(number) <= len("65535")):
            raise ValueError(f"'{number[:20]}' is no port.")
        port = int(number)
    if port is None or not 0 < port < 1 << 16:
        raise ValueError("There is no port.")
    return canonical(host), port


def _ports(glob: str) -> tuple[str, frozenset[int]]:
    host, colon, port = glob.rpartition(":")
    if not colon or "]" in port or _is_address(glob):
        return glob, PORTS
    if port == "*":
        return host, frozenset()
    return host, frozenset((split_host(f"x:{port}")[1],))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
