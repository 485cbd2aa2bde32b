"""Notifications to an address in the web: a POST of JSON.

Only hosts that the administrator has listed are sent to, and one of one's own network only where it
is listed by its very name: a pattern means the public web. The connection goes to the address that
was checked, not to the name again, and redirects are not followed. The key is sent as
``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header), so that the receiver can drop what
it gets twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.untrusted.addresses import PORTS, Address, Resolve, check_url
from jupyter_mcp.toolsets.workflows.spec.hosts import REMEDY, host_of, is_listed, refusal

SECONDS = 30.0
HEAD_LIMIT = 64 * 1024
PIECE = 64 * 1024
DONE = range(200, 300)
LATER = frozenset({408, 425, 429, *range(500, 600)})
"""Answers after which another try makes sense."""


class Webhook:
    """Sends to addresses in the web.

    Args:
        hosts: Globs of the hosts that may be sent to, such as ``*.example.org``.
        resolve: Returns the addresses of a name; the system's name service by default.
        seconds: How long a delivery may take.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        *,
        resolve: Resolve | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._hosts = tuple(host.lower() for host in hosts)
        self._resolve = resolve
        self._seconds = seconds

    async def __call__(self, to: str, subject: str, body: str, key: str) -> Mapping[str, Any]:
        """Send and return the status of the answer.

        Raises:
            ToolError: ``forbidden`` or ``invalid_arguments`` for an address that may not be used,
                ``rejected`` for an answer that will not change, ``unavailable`` for others.
        """
        allow_private = self._is_named(host_of(to))
        content = json.dumps({"subject": subject, "body": body, "key": key}).encode()
        try:
            async with asyncio.timeout(self._seconds):
                address = await asyncio.to_thread(
                    check_url, to, allow_private=allow_private, resolve=self._resolve
                )
                answer = await self._post(address, content, key)
        except (OSError, TimeoutError) as error:
            what = f"'{host_of(to)}' cannot be reached: {str(error) or 'no answer in time'}."
            raise ToolError(
                "unavailable", what, "Check the address, and that it answers."
            ) from None
        status = int(answer.status_code)
        if status in DONE:
            return {"status": status}
        what = f"'{address.host}' answered {status} to the notification."
        if status in LATER:
            later = _retry_after(answer)
            data = {} if later is None else {"retry_after": later}
            raise ToolError("unavailable", what, "Try again later.", data=data)
        raise ToolError("rejected", what, "Check the address; redirects are not followed.")

    def _is_named(self, host: str) -> bool:
        """Return whether a host is listed by its very name.

        Raises:
            ToolError: It is not listed at all.
        """
        if not is_listed(host, self._hosts):
            raise ToolError("forbidden", refusal(host), REMEDY)
        return host in self._hosts

    async def _post(self, address: Address, data: bytes, key: str) -> Any:
        is_safe = urlsplit(address.url).scheme == "https"
        reader, writer = await asyncio.open_connection(
            address.ip,
            address.port,
            ssl=self._tls if is_safe else None,
            server_hostname=address.host if is_safe else None,
        )
        try:
            return await _exchange(reader, writer, _head(address, data, key), data)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Any, data: bytes
) -> Any:
    """Send one request and return the head of its answer (`h11.Response`)."""
    import h11

    machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    for event in (head, h11.Data(data=data), h11.EndOfMessage()):
        writer.write(machine.send(event) or b"")
    await writer.drain()
    try:
        while not isinstance(event := machine.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                machine.receive_data(await reader.read(PIECE))
            elif not isinstance(event, h11.InformationalResponse):
                raise ConnectionError("it closed the connection")
    except h11.RemoteProtocolError as error:
        raise ConnectionError(f"it speaks no HTTP ({error})") from None
    return event


def _retry_after(answer: Any) -> float | None:
    """Return how many seconds the receiver wants to be left alone (RFC 9110, 10.2.3)."""
    found = {name: value.decode("latin-1") for name, value in answer.headers}.get(b"retry-after")
    if found is None:
        return None
    if found.isdecimal():
        return float(found[:9])
    try:
        left = parsedate_to_datetime(found).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return max(0.0, left)


def _head(address: Address, data: bytes, key: str) -> Any:
    import h11

    parts = urlsplit(address.url)
    host = f"[{address.host}]" if ":" in address.host else address.host
    authority = host if address.port == PORTS[parts.scheme] else f"{host}:{address.port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", authority),
        ("User-Agent", "jupyter-mcp"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(data))),
        ("Idempotency-Key", f'"{key}"'),
        ("Connection", "close"),
    ]
    try:
        return h11.Request(method="POST", target=target, headers=headers)
    except h11.LocalProtocolError as error:
        raise ToolError(
            "invalid_arguments", f"The address or the key cannot be sent: {error}.", "Correct it."
        ) from None
